package ingest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/grpc/codes"
)

// maxWindow bounds the window of a zstd decoder: encoders use as much at their highest usual level. Encoders that have
// the whole of a small body set the body's size as the window.
const (
	maxWindow   = 8 << 20
	smallWindow = smallDecode / 4
	// unpackAtOnce is how many bytes are decompressed before the goroutine yields.
	unpackAtOnce = 64 << 10
)

// unpackers are the supported compressions, by the names that both protocols use.
var unpackers = map[string]func(packed io.Reader, small bool) (io.Reader, func(), error){
	"gzip": func(r io.Reader, _ bool) (io.Reader, func(), error) {
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	},
	"zlib":    unzlib,
	"deflate": unzlib,
	"snappy":  func(r io.Reader, _ bool) (io.Reader, func(), error) { return snappy.NewReader(r), func() {}, nil },
	"zstd": func(r io.Reader, small bool) (io.Reader, func(), error) {
		pool, window := &zstds, uint64(maxWindow)
		if small {
			pool, window = &smallZstds, smallWindow
		}
		z, _ := pool.Get().(*zstd.Decoder)
		if z == nil {
			var err error
			if z, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window)); err != nil {
				return nil, func() {}, err
			}
		}
		if err := z.Reset(r); err != nil {
			return nil, func() {}, err
		}
		return z, func() {
			if z.Reset(nil) == nil {
				pool.Put(z)
			}
		}, nil
	},
}

var zstds, smallZstds sync.Pool

func unzlib(r io.Reader, _ bool) (io.Reader, func(), error) {
	z, err := zlib.NewReader(r)
	return z, func() {}, err
}

// unpack decompresses a body. It limits the output while producing it, and takes the memory first.
func unpack(ctx context.Context, packing string, packed []byte, most int64, w *work) ([]byte, error) {
	open := unpackers[packing]
	if open == nil {
		return nil, refused(unknownEncoding, codes.InvalidArgument, "the encoding %.40q is not supported: use gzip, zstd or none", packing)
	}
	if packing == "zstd" {
		window := min(maxWindow, w.lane.most/2)
		if w.lane.small() {
			window = min(smallWindow, w.lane.most/2)
		}
		if err := w.hold(ctx, window); err != nil {
			return nil, err
		}
		defer w.give(window)
	}
	r, done, err := open(bytes.NewReader(packed), w.lane.small())
	if err != nil {
		return nil, refused(notUnpacked, codes.InvalidArgument, "the body is not %s: %v", packing, err)
	}
	defer done()
	var out []byte
	for size := min(4*int64(len(packed))+512, 1<<20, most+1); ; size = min(2*size, most+1) {
		if err := w.hold(ctx, size-int64(cap(out))); err != nil {
			return nil, err
		}
		grown := make([]byte, len(out), size)
		copy(grown, out)
		out = grown
		for len(out) < cap(out) {
			n, err := r.Read(out[len(out):min(len(out)+unpackAtOnce, cap(out))])
			out = out[:len(out)+n]
			runtime.Gosched() // as a scan does
			if err == io.EOF && int64(len(out)) <= most {
				return out, nil
			}
			if w.lane.small() && (errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded)) {
				return nil, errLarge
			}
			if err != nil && int64(len(out)) <= most {
				return nil, refused(notUnpacked, codes.InvalidArgument, "the body is not %s: %v", packing, err)
			}
		}
		if int64(len(out)) > most {
			return nil, errTooLarge(most)
		}
	}
}
