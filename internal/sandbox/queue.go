package sandbox

import "sync"

// Queue is what a test has arranged for coming orders, each entry for one. The
// zero Queue is empty.
type Queue[T any] struct {
	mu      sync.Mutex
	entries []T
}

// Push appends an entry.
func (q *Queue[T]) Push(entry T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.entries = append(q.entries, entry)
}

// Pop removes and returns the first entry, or returns otherwise if there is
// none.
func (q *Queue[T]) Pop(otherwise T) T {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) == 0 {
		return otherwise
	}
	first := q.entries[0]
	q.entries = q.entries[1:]
	return first
}
