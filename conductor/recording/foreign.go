package recording

import "bytes"

// foreign names a format that a file begins with, and the way to one that can be read. Empty: none that is known.
func foreign(begin []byte) string {
	begin = bytes.TrimPrefix(begin, []byte("\xef\xbb\xbf"))
	switch {
	case bytes.HasPrefix(bytes.TrimLeft(begin, " \t\r\n"), []byte("{")):
		return "this is JSON, the default of the Collector's file exporter; record with format: proto"
	case bytes.HasPrefix(begin, []byte("\x1f\x8b")):
		return "this is compressed with gzip; unpack it with gunzip"
	case bytes.HasPrefix(begin, zstd):
		return "this is compressed with zstd; unpack it with unzstd"
	case len(begin) > 4 && bytes.HasPrefix(begin[4:], zstd):
		return "its messages are compressed with zstd (compression of the Collector's file exporter); record without compression"
	}
	return ""
}

var zstd = []byte{0x28, 0xb5, 0x2f, 0xfd}
