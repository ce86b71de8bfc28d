package eventlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
)

// A segment's file is a line with the magic number, then frames. A frame has the length of its payload, a checksum of
// the length, a checksum of the payload, and the payload. Both checksums are CRC-32C and include the preceding
// checksum, so that a missing, duplicated or misplaced frame is noticed; the length has a checksum of its own, so that
// a wrong length is not taken for a file that ends early. The first byte of a payload is its kind:
//
// - header: always the first; which segment this is, and how far the one before it reaches;
//
// - data: the next part of the segment, the checkpoint first;
//
// - trailer: always the last; the segment is complete. A segment without a trailer ended with the program or with a
// failure to write; then only the header of the next segment has its length.
const (
	magic       = "chord-history-2\n"
	oldMagic    = "chord-history-1\n" // frames of data only, each with a checksum of its own
	frameHeader = 12
	oldHeader   = 8
	maxFrame    = 1 << 30 // bytes; a longer frame is invalid
	maxHeader   = 4096    // bytes of a file that hold the magic number and the header
	suffix      = ".history"
)

const (
	frameOfHeader  = 'h'
	frameOfData    = 'd'
	frameOfTrailer = 't'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A link is the end of a segment's file, which the next segment names in its header.
type link struct {
	number uint64 // of the segment; 0: there is none before
	valid  int64  // valid bytes of the segment's file; negative: not known
	sum    uint32 // the checksum of the last frame in them
}

// chain extends a checksum.
func chain(before uint32, data []byte) uint32 {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], before)
	return crc32.Update(crc32.Checksum(b[:], castagnoli), castagnoli, data)
}

// appendFrame appends a frame and returns its checksum.
func appendFrame(out []byte, before uint32, payload []byte) ([]byte, uint32) {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	ofLength := chain(before, length)
	sum := chain(ofLength, payload)
	out = append(out, length...)
	out = binary.LittleEndian.AppendUint32(out, ofLength)
	out = binary.LittleEndian.AppendUint32(out, sum)
	return append(out, payload...), sum
}

// headerOf returns the payload of a segment's header.
func headerOf(c *segment) []byte {
	b := []byte{frameOfHeader}
	b = binary.AppendUvarint(b, c.number)
	b = binary.AppendUvarint(b, c.first)
	b = binary.AppendVarint(b, c.from.UnixNano())
	b = binary.AppendUvarint(b, c.before.number)
	b = binary.AppendUvarint(b, uint64(c.before.valid))
	return append(binary.LittleEndian.AppendUint32(b, c.before.sum), c.record...)
}

// recordBytes is the length of a record's name, which is random and is made when the record's directory is first used.
const recordBytes = 8

// parseHeader parses the payload of a header into a segment.
func parseHeader(payload []byte, c *segment) bool {
	in := bytes.NewReader(payload)
	if kind, _ := in.ReadByte(); kind != frameOfHeader {
		return false
	}
	var valid uint64
	for _, n := range []*uint64{&c.number, &c.first} {
		*n, _ = binary.ReadUvarint(in)
	}
	nanos, _ := binary.ReadVarint(in)
	c.from = time.Unix(0, nanos).UTC()
	for _, n := range []*uint64{&c.before.number, &valid} {
		*n, _ = binary.ReadUvarint(in)
	}
	c.before.valid = int64(valid)
	rest := payload[len(payload)-in.Len():]
	if len(rest) != 4 && len(rest) != 4+recordBytes || c.number == 0 || c.first == 0 {
		return false
	}
	c.before.sum, c.record = binary.LittleEndian.Uint32(rest), string(rest[4:])
	return true
}

// firstFrame returns the payload of the first frame at the beginning of a file.
func firstFrame(begin []byte) (payload []byte, ok bool) {
	rest := begin[len(magic):]
	if len(rest) < frameHeader {
		return nil, false
	}
	n := binary.LittleEndian.Uint32(rest)
	ofLength := chain(crc32.Checksum([]byte(magic), castagnoli), rest[:4])
	if binary.LittleEndian.Uint32(rest[4:]) != ofLength || int64(n) > int64(len(rest)-frameHeader) {
		return nil, false
	}
	payload = rest[frameHeader : frameHeader+int(n)]
	return payload, len(payload) > 0 && chain(ofLength, payload) == binary.LittleEndian.Uint32(rest[8:])
}

// contents are what a segment's file holds.
type contents struct {
	data      []byte
	end       link  // end of what could be read; the number in it is not set
	whole     bool  // the trailer was found
	truncated bool  // the file ends before the segment does, as after a crash
	damage    error // why reading stopped before the file's end; nil if truncated
}

// another reports whether file, which is readable but does not match the next segment's header, is a different file,
// whose contents must not be shown. Otherwise it is the beginning of the right file.
func (c *contents) another(file []byte, valid int64) bool {
	if c.whole || c.end.valid == valid {
		return true
	}
	if int64(len(file)) < valid {
		return false // truncated
	}
	rest := file[c.end.valid:valid] // a frame of the right file ends at valid, so a valid frame does not cross it
	return len(bytes.TrimLeft(rest, "\x00")) > 0
}

// scan reads frames until the end of the segment, or until something is wrong. If valid is 0 or more, it is the end of
// the segment's file by the next segment's header; what lies beyond was never part of the record.
func scan(file []byte, valid int64) (c contents) {
	if valid >= 0 && valid < int64(len(file)) {
		file = file[:valid]
	}
	if !bytes.HasPrefix(file, []byte(magic)) {
		if bytes.HasPrefix([]byte(magic), file) {
			c.truncated = true
		} else {
			c.damage = fmt.Errorf("byte 0: wrong magic number: not a history file, or one of another format version")
		}
		return c
	}
	c.data = make([]byte, 0, len(file))
	c.end = link{valid: int64(len(magic)), sum: crc32.Checksum([]byte(magic), castagnoli)}
	for first := true; ; first = false {
		rest := file[c.end.valid:]
		if len(rest) == 0 || len(bytes.TrimLeft(rest, "\x00")) == 0 { // a crash may leave a length without its bytes
			c.truncated = !c.whole
			return c
		}
		if c.whole {
			c.damage = fmt.Errorf("byte %d: data after the end of the segment", c.end.valid)
			return c
		}
		if len(rest) < frameHeader {
			c.truncated = true
			return c
		}
		n, sum := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[8:])
		ofLength := chain(c.end.sum, rest[:4])
		if binary.LittleEndian.Uint32(rest[4:]) != ofLength || n == 0 || n > maxFrame {
			c.damage = fmt.Errorf("byte %d: the length of the frame is wrong", c.end.valid)
			return c
		}
		if int64(n) > int64(len(rest)-frameHeader) {
			c.truncated = true
			return c
		}
		payload := rest[frameHeader : frameHeader+int(n)]
		if chain(ofLength, payload) != sum {
			c.damage = fmt.Errorf("byte %d: the checksum of the frame is wrong", c.end.valid)
			return c
		}
		switch kind := payload[0]; {
		case first != (kind == frameOfHeader):
			c.damage = fmt.Errorf("byte %d: expected one header, as the first frame", c.end.valid)
			return c
		case kind == frameOfData:
			c.data = append(c.data, payload[1:]...)
		case kind == frameOfTrailer:
			c.whole = true
		case kind != frameOfHeader:
			c.damage = fmt.Errorf("byte %d: a frame of unknown kind %q", c.end.valid, kind)
			return c
		}
		c.end.valid += frameHeader + int64(n)
		c.end.sum = sum
	}
}

// scanOld reads a file of the first format.
func scanOld(file []byte) (c contents) {
	c.data = make([]byte, 0, len(file))
	at := len(oldMagic)
	for at < len(file) {
		rest := file[at:]
		if len(rest) < oldHeader {
			c.truncated = true
			return c
		}
		n, sum := binary.LittleEndian.Uint32(rest), binary.LittleEndian.Uint32(rest[4:])
		if n > maxFrame || int(n) > len(rest)-oldHeader {
			c.truncated = true
			return c
		}
		payload := rest[oldHeader : oldHeader+int(n)]
		if crc32.Checksum(payload, castagnoli) != sum {
			c.damage = fmt.Errorf("byte %d: the checksum of the frame is wrong", at)
			return c
		}
		c.data = append(c.data, payload...)
		at += oldHeader + int(n)
	}
	return c
}
