package recording

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// peeked is how many bytes of an unreadable message are examined for its format.
const peeked = 4096

// packings lists the formats of compressed files: the first bytes, and the tool that unpacks the format.
var packings = []struct{ begin, name, tool string }{
	{"\x1f\x8b", "gzip", "gunzip"},
	{"\x28\xb5\x2f\xfd", "zstd", "unzstd"},
	{"BZh", "bzip2", "bunzip2"},
	{"\xfd7zXZ\x00", "xz", "unxz"},
	{"\x04\x22\x4d\x18", "lz4", "unlz4"},
	{"PK\x03\x04", "zip", "unzip"},
}

// foreign names the format of data that could not be read, and how to make a recording that can be. It returns "" if
// the format is unknown.
func foreign(data []byte) string {
	for _, p := range packings {
		if bytes.HasPrefix(data, []byte(p.begin)) {
			return "this is compressed with " + p.name + "; unpack it with " + p.tool
		}
	}
	if len(data) > 4 && binary.BigEndian.Uint32(data) <= maxMessage && isZstd(data[4:]) {
		return "its messages are compressed with zstd (compression of the Collector's file exporter); record without compression"
	}
	if looksLikeJSON(data) {
		return "this is JSON, the default of the Collector's file exporter; record with format: proto"
	}
	return ""
}

// isZstd recognizes a zstd frame by its first bytes. In protobuf these would be a field 5, which no OTLP request has.
func isZstd(data []byte) bool { return bytes.HasPrefix(data, []byte("\x28\xb5\x2f\xfd")) }

// looksLikeJSON recognizes objects, and lists of them, by their first bytes, in UTF-8 or in UTF-16 with a byte order
// mark.
func looksLikeJSON(data []byte) bool {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		data = bytes.ReplaceAll(data[2:], []byte{0}, nil) // what is compared below is ASCII
	}
	const blank = " \t\r\n"
	data = bytes.TrimLeft(data, blank)
	if len(data) == 0 {
		return false
	}
	after := map[byte]string{'{': "\"}", '[': "{]"}[data[0]]
	data = bytes.TrimLeft(data[1:], blank)
	return after != "" && (len(data) == 0 || strings.IndexByte(after, data[0]) >= 0)
}
