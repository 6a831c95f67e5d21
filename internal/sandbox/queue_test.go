package sandbox_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/duopay/duopay/internal/sandbox"
)

func TestQueue(t *testing.T) {
	var queue sandbox.Queue[int]
	queue.Push(1)
	queue.Push(2)
	got := []int{queue.Pop(9), queue.Pop(9), queue.Pop(9)}
	queue.Push(3)
	got = append(got, queue.Pop(9))
	if fmt.Sprint(got) != "[1 2 9 3]" {
		t.Errorf("popped %v", got)
	}
}

func TestQueueConcurrently(t *testing.T) {
	var queue sandbox.Queue[int]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			queue.Push(1)
			if queue.Pop(0) != 1 {
				t.Error("an entry is lost")
			}
		})
	}
	wg.Wait()
}
