package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockData makes the data folder and takes it for this process alone: two
// servers that repair and append to the same files would ruin them. The lock
// goes with the process, however it ends.
func lockData(dir string) (unlock func() error, err error) {
	if dir == "" {
		return nil, errors.New("data folder: no name given (set --data)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	// Open for reading, it keeps nobody from making the disk read-only.
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("data folder %s: another flashpod serves from it (stop that one, or choose another folder with --data)", dir)
		}
		return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
	}
	return f.Close, nil
}

// keyFile is a publish key on disk. It is read at every publish: a Secret that
// is rotated reaches the mounted file without a restart.
type keyFile struct{ path string }

// openKey finds the publish key of an instance: the file that was given, or
// one below the data folder, which is made with a new key when missing.
func openKey(given, data, application, name string) (keyFile, error) {
	if given != "" {
		return keyFile{given}, nil
	}
	path := filepath.Join(data, application, "keys", filepath.FromSlash(name)+".key")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return keyFile{}, fmt.Errorf("publish key of %s/%s: %w", application, name, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return keyFile{path}, nil
	}
	if err == nil {
		_, err = f.WriteString(rand.Text() + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return keyFile{}, fmt.Errorf("publish key of %s/%s: %w", application, name, err)
	}
	return keyFile{path}, nil
}

func (k keyFile) read() (string, error) {
	b, err := os.ReadFile(k.path)
	if err != nil {
		return "", fmt.Errorf("read publish key: %w", err)
	}
	key := strings.TrimSpace(string(b))
	if key == "" {
		return "", fmt.Errorf("read publish key: %s is empty", k.path)
	}
	return key, nil
}
