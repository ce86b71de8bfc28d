package reload

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

const every = time.Second // between checks of the files

// A Value is loaded from files. Its methods may be called from any goroutine.
type Value[T any] struct {
	files  []string // the regular ones, which can be read again
	load   func() (T, error)
	failed func(error)
	now    func() time.Time

	mu      sync.Mutex
	value   T         // guarded by mu
	sum     sum       // guarded by mu: checksum of the files from which value was loaded, or which could not be used
	checked time.Time // guarded by mu
}

type sum [sha256.Size]byte

// New loads a value, and loads it again after a change of one of the files. An error of a later
// load is passed to failed, once for each change; failed may be nil. load reads the files with
// ReadFile or LoadPair.
func New[T any](failed func(error), load func() (T, error), files ...string) (*Value[T], error) {
	v := &Value[T]{files: slices.DeleteFunc(slices.Clone(files), isOnce), load: load, failed: failed, now: time.Now}
	v.sum, _ = v.read() // before load: the next check then finds a change that happens during load
	v.checked = v.now()
	var err error
	v.value, err = load()
	return v, err
}

// read returns a checksum of all files' contents, since modification times are coarse, and a
// mounted secret is replaced by changing a link. The error concerns a file that is no longer
// regular, so that it can be read only once.
func (v *Value[T]) read() (_ sum, unusable error) {
	h := sha256.New()
	for _, name := range v.files {
		if isOnce(name) {
			unusable = fmt.Errorf("%s is no longer a regular file", name)
			h.Write([]byte{2})
			continue
		}
		data, err := readBounded(name)
		one := sha256.Sum256(data)
		h.Write(one[:])
		if err != nil {
			h.Write([]byte{1})
		}
	}
	return sum(h.Sum(nil)), unusable
}

// Get returns the value of the files as they are now, or as they were when they could last be used.
func (v *Value[T]) Get() T {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if now.Sub(v.checked) < every {
		return v.value
	}
	v.checked = now
	is, err := v.read()
	if is == v.sum {
		return v.value
	}
	v.sum = is
	var value T
	if err == nil {
		value, err = v.load()
	}
	if err == nil {
		v.value = value
	} else if v.failed != nil {
		v.failed(err)
	}
	return v.value
}
