package reload

import (
	"crypto/sha256"
	"os"
	"sync"
	"time"
)

const every = time.Second // between checks of the files

// A Value is loaded from files. Its methods may be called from any goroutine.
type Value[T any] struct {
	files  []string
	load   func() (T, error)
	failed func(error)
	now    func() time.Time

	mu      sync.Mutex
	value   T         // guarded by mu
	sum     sum       // guarded by mu: of the files that value was loaded from, or that could not be used
	checked time.Time // guarded by mu
}

type sum [sha256.Size]byte

// New loads a value, and loads it again after a change of one of the files. An error of a later load is passed to
// failed (nil: ignored), once for each change.
func New[T any](failed func(error), load func() (T, error), files ...string) (*Value[T], error) {
	v := &Value[T]{files: files, load: load, failed: failed, now: time.Now}
	v.sum = v.read() // before load: a change while it reads is seen by the next check
	v.checked = v.now()
	var err error
	v.value, err = load()
	return v, err
}

// read is the sum of all files' contents: modification times are coarse, and a mounted secret is exchanged by a link.
func (v *Value[T]) read() sum {
	h := sha256.New()
	for _, name := range v.files {
		data, err := os.ReadFile(name)
		one := sha256.Sum256(data)
		h.Write(one[:])
		if err != nil {
			h.Write([]byte{1})
		}
	}
	return sum(h.Sum(nil))
}

// Get returns the value of the files as they are, or as they were when they could last be used.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if now.Sub(v.checked) < every {
		return v.value
	}
	v.checked = now
	is := v.read()
	if is == v.sum {
		return v.value
	}
	v.sum = is
	if value, err := v.load(); err == nil {
		v.value = value
	} else if v.failed != nil {
		v.failed(err)
	}
	return v.value
}
