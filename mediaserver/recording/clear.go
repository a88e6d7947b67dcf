package recording

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"flashpod.dev/flashpod/mediaserver/budget"
)

// Clear removes the recordings that a path names: a name, whose last part may have *
// for any characters and ? for one, or "/" for all. A prefix means files of its
// format, none means recordings. What is being recorded stays, and so does what
// belongs to other instances. It returns how many are gone, and fails when some of
// what was meant are not.
func (s *Store) Clear(ctx context.Context, wanted string) (cleared int, err error) {
	prefix, base := "", wanted
	for _, f := range formats {
		if rest, ok := strings.CutPrefix(wanted, f.prefix); ok {
			prefix, base = f.prefix, rest
			break
		}
	}
	if prefix == "flv:" {
		prefix = ""
	}
	base = strings.TrimPrefix(base, "/")
	means := func(name string) bool {
		rest, ok := strings.CutPrefix(name, prefix)
		return ok && (base == "" || matches(base, rest)) && (prefix != "" || !hasPrefix(name))
	}
	var left error
	after := prefix
	for {
		l := &lister{store: s, visits: maxVisits}
		done, err := l.list(ctx, after, clearedAtOnce)
		if err != nil {
			return cleared, fmt.Errorf("clear %.64q: %w", wanted, err)
		}
		for _, e := range l.found {
			if err := budget.Pause(ctx); err != nil {
				return cleared, fmt.Errorf("clear %.64q: %w", wanted, err)
			}
			if !means(e.name) {
				continue
			}
			switch err := s.Delete(e.name); {
			case err == nil:
				cleared++
			case !errors.Is(err, ErrNotFound):
				left = err
			}
		}
		if done || prefix != "" && !strings.HasPrefix(l.at, prefix) {
			return cleared, left
		}
		after = l.at
	}
}

// clearedAtOnce is how many names are looked at before others are.
const clearedAtOnce = 256

func hasPrefix(name string) bool {
	for _, f := range formats {
		if strings.HasPrefix(name, f.prefix) {
			return true
		}
	}
	return false
}

// matches says whether a name is one that a pattern means. What has a meaning of its
// own to path.Match, beside the two, has none here.
func matches(pattern, name string) bool {
	if pattern == name {
		return true
	}
	dir, last := path.Split(pattern)
	inDir, leaf := path.Split(name)
	if dir != inDir {
		return false
	}
	last = strings.NewReplacer("\\", "\\\\", "[", "\\[", "]", "\\]").Replace(last)
	ok, err := path.Match(last, leaf)
	return ok && err == nil
}
