package sandbox

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"
)

// Notification is a notification as it goes to a merchant.
type Notification struct {
	Address     string
	ContentType string
	Body        string
	Ack         string // the body of the 200 that acknowledges it, and nothing else
}

// Post posts the notification once with client, http.DefaultClient if nil. No
// error means acknowledged.
func (n Notification) Post(ctx context.Context, client *http.Client) error {
	if client == nil {
		client = http.DefaultClient
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, n.Address, strings.NewReader(n.Body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", n.ContentType)
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(answer) != n.Ack {
		return fmt.Errorf("not acknowledged: %s, %q", resp.Status, answer)
	}
	return nil
}

// Attempts counts the deliveries of a notification: it yields 1 at once, and
// the next number after each of waits, until ctx is done.
func Attempts(ctx context.Context, waits []time.Duration) iter.Seq[int] {
	return func(yield func(int) bool) {
		for n := 1; yield(n) && n <= len(waits); n++ {
			if !sleep(ctx, waits[n-1]) {
				return
			}
		}
	}
}

// sleep waits for d and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
