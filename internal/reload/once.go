package reload

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"sync"
)

// maxBytes bounds how much of a file is read: a device may never end, and a wrong path may name a
// file of any size.
const maxBytes = 1 << 20

// A file that is not regular (a named pipe, or the /dev/fd/N of a process substitution) can be read
// only once, but several values may be loaded from it: certificate and key, or the values of
// several ports. So its content is kept.
var (
	onceMu sync.Mutex
	once   = make(map[string][]byte) // guarded by onceMu; by name
)

// isOnce reports whether a file can be read only once.
func isOnce(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// ReadFile reads a file from which a value is loaded: at each call, or once in the life of the
// process if the file is not regular, and then it waits for the writer. More than 1 MiB is an
// error.
func ReadFile(name string) ([]byte, error) {
	if !isOnce(name) {
		return readBounded(name)
	}
	onceMu.Lock()
	defer onceMu.Unlock()
	if data, known := once[name]; known {
		return data, nil
	}
	data, err := readBounded(name)
	if err == nil {
		once[name] = data
	}
	return data, err
}

func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(data) > maxBytes {
		err = fmt.Errorf("%s: expected a file of at most %d bytes, got more", name, maxBytes)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// LoadPair reads a certificate and its key from PEM files, as ReadFile does.
func LoadPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}
