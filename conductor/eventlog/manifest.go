package eventlog

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// manifestName is the file that names the oldest and the newest segment: the segments themselves cannot show that the
// ones at either end are missing.
const manifestName = "MANIFEST"

// A manifest is replaced when a segment begins and before old ones are dropped. After a crash between the two steps the
// directory may hold one segment more than the manifest names, never one less.
type manifest struct {
	Oldest      uint64    `json:"oldest"` // number of the oldest segment kept
	OldestFrom  time.Time `json:"oldest_from"`
	Newest      uint64    `json:"newest"` // number of the newest segment begun
	NewestFrom  time.Time `json:"newest_from"`
	NewestFirst uint64    `json:"newest_first"`         // number of the first event in the newest segment
	Record      string    `json:"record,omitempty"`     // the record's name, hexadecimal; the headers of its segments have it
	NamedFrom   uint64    `json:"named_from,omitempty"` // number of the first segment that has the name
	Sum         string    `json:"sum"`                  // CRC-32C of all this with an empty sum
}

func (m manifest) encode() []byte {
	m.Sum = ""
	body, _ := json.Marshal(m) // numbers and times: cannot fail
	m.Sum = fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli))
	body, _ = json.Marshal(m)
	return append(body, '\n')
}

// readManifest reads the manifest. A new directory has none, nor has a directory of the first format.
func readManifest(dir string) (m manifest, there bool, err error) {
	body, err := os.ReadFile(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	if err := json.Unmarshal(body, &m); err != nil || string(m.encode()) != string(body) {
		return manifest{}, true, errors.New("the checksum of the manifest is wrong")
	}
	return m, true, nil
}

// name returns the record's name as headers have it, in bytes.
func (m manifest) name() string {
	name, err := hex.DecodeString(m.Record)
	if err != nil || len(name) != recordBytes {
		return ""
	}
	return string(name)
}

// write replaces the manifest.
func (m manifest) write(dir string) error {
	path := filepath.Join(dir, manifestName)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(m.encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncDir(dir)
}
