package sharedobject

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
)

// Find returns the names of objects that have files and for which match says so, at
// most so many.
func (s *Store) Find(match func(name string) bool, most int) (names []string, err error) {
	err = filepath.WalkDir(s.dir, func(at string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil && at != s.dir && d != nil && d.IsDir():
			return fs.SkipDir // somebody else's: no object of ours can be there
		case err != nil:
			return err
		case !d.Type().IsRegular() || !strings.HasSuffix(d.Name(), extension):
			return nil
		}
		below, err := filepath.Rel(s.dir, at)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.ToSlash(below), extension)
		if CheckName(name) != nil || !match(name) {
			return nil
		}
		if names = append(names, name); len(names) >= most {
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find shared objects: %w", err)
	}
	return names, nil
}
