package load

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"strings"

	"chordconductor/conductor/lab/scenario"
)

//go:embed quotes.txt
var quoteText string

// quotes are the sentences that come with the program, one per line; lines that begin with # name their sources.
var quotes = func() (list []string) {
	for line := range strings.Lines(quoteText) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}()

// markMax is the length of the longest mark. A value ends with its mark, " [key.write.check]" in hexadecimal: the
// numbers of key and write, and a checksum over everything before. So a value that is read back shows whether it is
// whole and where it belongs, and is still a readable sentence.
const markMax = 32

// makeValue makes the value of a write, of exactly size bytes (at least markMax).
func makeValue(data scenario.Data, key int, write uint64, size int) []byte {
	mark := fmt.Appendf(nil, " [%x.%x.", key, write)
	value := make([]byte, 0, size)
	value = fill(value, data, write, max(0, size-len(mark)-9))
	value = append(value, mark...)
	return fmt.Appendf(value, "%08x]", crc32.ChecksumIEEE(value))
}

func fill(value []byte, data scenario.Data, write uint64, size int) []byte {
	if data == scenario.Synthetic {
		r := rand.NewPCG(write, 0)
		for len(value)+8 <= size {
			value = binary.LittleEndian.AppendUint64(value, r.Uint64())
		}
		return append(value, make([]byte, size-len(value))...)
	}
	quote := quotes[write%uint64(len(quotes))]
	for len(value) < size {
		value = append(value, quote[:min(len(quote), size-len(value))]...)
		if len(value) < size {
			value = append(value, ' ')
		}
	}
	return value
}

// readValue returns the key and the write of a value; ok is false if makeValue did not make the value.
func readValue(value []byte) (key int, write uint64, ok bool) {
	if len(value) < 9 || value[len(value)-1] != ']' {
		return 0, 0, false
	}
	checked, sum := value[:len(value)-9], value[len(value)-9:len(value)-1]
	var want uint32
	if _, err := fmt.Sscanf(string(sum), "%x", &want); err != nil || crc32.ChecksumIEEE(checked) != want {
		return 0, 0, false
	}
	at := bytes.LastIndexByte(checked, '[')
	if at < 0 {
		return 0, 0, false
	}
	_, err := fmt.Sscanf(string(checked[at:]), "[%x.%x.", &key, &write)
	return key, write, err == nil
}
