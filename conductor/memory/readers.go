package memory

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// Readers are the readers to which the contents of a share are being sent. When the share is full, the reader that has
// received nothing for longest is disconnected. A reader that reads receives its message within milliseconds, so it is
// not disconnected because of others that do not read. If the share is nil, it is never full.
type Readers struct {
	Share *Share

	mu     sync.Mutex
	order  list.List     // guarded by mu; *Reader, the reader that has received nothing for longest is first
	freed  chan struct{} // guarded by mu; closed when memory may be free; nil: nothing waits for that
	ending time.Time     // guarded by mu; when a reader was disconnected whose memory has not come free yet; zero: none
}

// stall is how long a reader may receive nothing before it is disconnected to make room for others. When others have
// waited for half of their time limit, a reader that received only a little during stall is disconnected, too.
const stall = 250 * time.Millisecond

// A Reader is one of Readers, from the call of Begin to that of End.
type Reader struct {
	of         *Readers
	at         *list.Element // guarded by of.mu; nil: disconnected, or ended
	disconnect func()

	began time.Time
	since time.Time // guarded by of.mu; when the reader began, or last received something
}

// Begin adds a reader. disconnect must make the reader's handler end soon, and must not block.
func (r *Readers) Begin(disconnect func()) *Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	one := &Reader{of: r, disconnect: disconnect, began: now, since: now}
	one.at = r.order.PushBack(one)
	return one
}

// Progress records that the reader has received something. Unless the reader has been disconnected, it calls and, and
// returns true.
func (one *Reader) Progress(and func()) (goOn bool) {
	one.of.mu.Lock()
	defer one.of.mu.Unlock()
	if one.at == nil {
		return false
	}
	one.of.order.MoveToBack(one.at)
	one.since = time.Now()
	and()
	return true
}

// DropStalled disconnects the reader that has received nothing for longest, if that is longer than the given time.
func (r *Readers) DropStalled(longer time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	front := r.order.Front()
	if front == nil || time.Since(front.Value.(*Reader).since) < longer {
		return false
	}
	one := front.Value.(*Reader)
	r.remove(one)
	r.Share.Refuse()
	one.disconnect()
	return true
}

// End removes the reader.
func (one *Reader) End() {
	one.of.mu.Lock()
	defer one.of.mu.Unlock()
	one.of.remove(one)
}

func (r *Readers) remove(one *Reader) {
	if one.at != nil {
		r.order.Remove(one.at)
		one.at = nil
	}
}

// Give returns bytes to the share.
func (r *Readers) Give(n int64) {
	r.Share.Give(n)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ending = time.Time{}
	if r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}

// disconnectOne disconnects the reader that has received nothing for longest, or, if must is true, the one that began
// first, provided that this is long enough ago and no disconnected reader is still ending. It returns after how long to
// try again. The caller holds mu.
func (r *Readers) disconnectOne(must bool) (again time.Duration) {
	front := r.order.Front()
	if front == nil {
		return stall
	}
	one := front.Value.(*Reader)
	idle := one.since
	if must {
		for at := front.Next(); at != nil; at = at.Next() {
			if other := at.Value.(*Reader); other.began.Before(one.began) {
				one = other
			}
		}
		idle = one.began
	}
	if wait := stall - min(time.Since(r.ending), time.Since(idle)); wait > 0 {
		return wait
	}
	r.remove(one)
	r.ending = time.Now()
	r.Share.Refuse()
	one.disconnect()
	return stall
}

// Take reserves bytes, and disconnects readers if necessary. It waits until they have given back what they hold. It
// returns false if that takes longer than patience, or if the limit of the share is smaller.
func (r *Readers) Take(ctx context.Context, n int64, patience time.Duration) bool {
	return n <= r.Share.Limit() && r.wait(ctx, patience, func() bool { return r.Share.take(n, r.Share.Limit()) }) || r.Share == nil
}

// Room waits until the share is not full, and disconnects readers as Take does.
func (r *Readers) Room(ctx context.Context, patience time.Duration) bool {
	return r.wait(ctx, patience, func() bool { return !r.Share.Full() })
}

func (r *Readers) wait(ctx context.Context, patience time.Duration, done func() bool) bool {
	var limit <-chan time.Time
	begun := time.Now()
	for {
		r.mu.Lock()
		if done() {
			r.mu.Unlock()
			return true
		}
		if limit == nil {
			timer := time.NewTimer(patience)
			defer timer.Stop()
			limit = timer.C
		}
		again := r.disconnectOne(time.Since(begun) >= patience/2)
		if r.freed == nil {
			r.freed = make(chan struct{})
		}
		freed := r.freed
		r.mu.Unlock()
		select {
		case <-freed:
		case <-time.After(again):
		case <-ctx.Done():
			return false
		case <-limit:
			r.Share.Refuse()
			return false
		}
	}
}
