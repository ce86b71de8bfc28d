package reload

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"sync"
)

// maxOnce bounds what is read of a file that is not regular: a device may never end.
const maxOnce = 1 << 20

// What is not a regular file, a named pipe or the /dev/fd/N of a process substitution, can be read only once, but several
// values may be loaded from it, by certificate and key or by several ports. So its content is kept.
var (
	onceMu sync.Mutex
	once   = make(map[string][]byte) // guarded by onceMu; by name
)

// isOnce reports whether a file can be read only once.
func isOnce(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// ReadFile reads a file that a value is loaded from: at each call, or once for the life of the process if it is not a
// regular file. Then it waits for the writer, and more than 1 MiB is an error.
func ReadFile(name string) ([]byte, error) {
	if !isOnce(name) {
		return os.ReadFile(name)
	}
	onceMu.Lock()
	defer onceMu.Unlock()
	if data, known := once[name]; known {
		return data, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxOnce+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxOnce {
		return nil, fmt.Errorf("%s: not a regular file, and more than %d bytes", name, maxOnce)
	}
	once[name] = data
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
