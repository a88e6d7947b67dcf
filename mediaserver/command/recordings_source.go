package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/web"
)

// recordingsSource is what the flags say: where, of which instance, with which
// key, and how to print it.
type recordingsSource struct {
	url, data, instance, keyFile string
	output                       string // table or json
}

// library is the recordings of a running server, or of a data folder.
type library interface {
	// list lists all recordings, or those of one instance.
	list(ctx context.Context, of *apppath.Path) ([]web.Recording, error)
	find(ctx context.Context, of apppath.Path, name string) (web.Recording, error)
	// remove deletes a recording; key is empty where none is given.
	remove(ctx context.Context, of apppath.Path, name, key string) error
	close() error
}

// open opens what the flags name.
func (s *recordingsSource) open() (library, error) {
	if s.data != "" {
		return openFolder(s.data, s.instance)
	}
	return openServer(s.url)
}

// one is the instance that is named; a command about one recording needs it.
func (s *recordingsSource) one() (apppath.Path, error) {
	of, ok := apppath.Parse(s.instance)
	if !ok {
		return of, usage(errors.New("which instance? add --instance APPLICATION/INSTANCE"))
	}
	return of, nil
}

func (s *recordingsSource) key() (string, error) { return publishKey(s.keyFile) }

// publishKey is the key in a file or, without one, in the environment; "": none.
func publishKey(file string) (string, error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(keyVariable)), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("--key-file: %w", err)
	}
	key := strings.TrimSpace(string(b))
	if key == "" {
		return "", fmt.Errorf("--key-file %s is empty", file)
	}
	if strings.ContainsFunc(key, unicode.IsControl) || !utf8.ValidString(key) {
		return "", fmt.Errorf("--key-file %s: this is no key, which is one line of text", file)
	}
	return key, nil
}
