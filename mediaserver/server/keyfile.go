package server

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxKey bounds a file that holds a key: a stream's name, key included, has 512
// bytes, and a user who names a disk instead should be told.
const maxKey = 4 << 10

// keyPaths are where the publish key of an instance lies, and what is
// remembered of it. The second begins with a dot, as no part of an instance's
// name does: it is in no instance's way.
func keyPaths(given, data, application, name string) (key, remembered string) {
	own := filepath.Join(data, application, "keys", filepath.FromSlash(name))
	remembered = filepath.Join(filepath.Dir(own), "."+filepath.Base(own)+".last")
	if given != "" {
		return given, remembered
	}
	return own + ".key", remembered
}

// makeKey writes a new key where there is no file.
func makeKey(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return writeWhole(path, []byte(rand.Text()+"\n"))
}

// readKey reads a key as a person or kubelet has written it: what is white
// around it does not count.
func readKey(path string) (string, error) {
	b, err := readSmall(path, maxKey, "key")
	if err != nil {
		return "", err
	}
	key := string(bytes.TrimSpace(b))
	if key == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return key, nil
}

// readSmall reads a file that is no longer than most bytes; one that is holds no such thing.
func readSmall(path string, most int64, thing string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s is longer than %d bytes: this is no %s", path, most, thing)
	}
	return text, err
}

// writeWhole makes or replaces a file that only this user may read, and its
// folder. A reader, and a server that starts after a power cut, finds
// the old text or the new.
func writeWhole(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// The data folder is this process's alone: no other uses that name.
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = os.Remove(fresh) // half of it is of no use, and its place may be
		return err
	}
	return nil
}
