package recording

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

const maxName = 200 // bytes; with a date and an ending, file systems take 255

// fileOf turns the name of a stream into the path of its file, without the
// ending. Names cannot leave the folder: os.Root sees to that as well.
func fileOf(name string) (string, error) {
	_, base, _, err := splitName(name)
	return base, err
}

// split is splitName of a name that this store may use.
func (s *Store) split(name string) (prefix, base, ending string, err error) {
	if prefix, base, ending, err = splitName(name); err != nil {
		return "", "", "", err
	}
	for _, other := range s.opts.Others {
		if strings.HasPrefix(base, other+"/") {
			return "", "", "", fmt.Errorf("%w: %.64q lies in the folder of another instance, %s below this one: connect to that one, or choose another name", ErrBadName, name, other)
		}
	}
	return prefix, base, ending, nil
}

// splitName splits a name: "mp4:films/one.f4v" is of the formats with the
// prefix mp4:, the path films/one, and wants the ending .f4v. A name without a
// prefix may end like FLV only; any other ending is part of the path.
func splitName(name string) (prefix, base, ending string, err error) {
	bad := func(why string) (string, string, string, error) {
		return "", "", "", fmt.Errorf("%w: %.64q %s", ErrBadName, name, why)
	}
	base = name
	for _, f := range formats {
		if rest, ok := strings.CutPrefix(name, f.prefix); ok {
			prefix, base = f.prefix, rest
			break
		}
	}
	for _, f := range formats {
		if rest, ok := strings.CutSuffix(base, f.extension); ok && (f.prefix == prefix || f.extension == extension) {
			base, ending = rest, f.extension
			break
		}
	}
	switch {
	case base == "":
		return bad("is empty")
	case strings.ContainsFunc(base, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' || r == '\\' || r == ':' }):
		return bad("has characters that are not for files")
	case !fs.ValidPath(base):
		return bad("is no plain path")
	}
	for part := range strings.SplitSeq(base, "/") {
		if len(part) > maxName {
			return bad("is longer than 200 bytes")
		}
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return bad("begins or ends with a dot or a space")
		}
	}
	return prefix, base, ending, nil
}

// newest returns the file that playing a name takes: one of the format that
// the name has a prefix for, then a recording, of which the one that was
// written last counts, then a file that is called just so.
func (s *Store) newest(name string) (file string, info fs.FileInfo, err error) {
	prefix, base, ending, err := s.split(name)
	if err != nil {
		return "", nil, err
	}
	s.settleName(base)
	if ending != "" && ending != extension {
		if info, err := s.stat(base + ending); err == nil {
			return base + ending, info, nil
		}
	}
	for _, f := range formats {
		if f.prefix == prefix && f.extension != extension {
			if info, err := s.stat(base + f.extension); err == nil {
				return base + f.extension, info, nil
			}
		}
	}
	if file, info, err = s.newestVersion(base); info != nil && err == nil {
		info, err = s.whole(file, info)
		return file, info, err
	}
	if err != nil {
		return "", nil, err
	}
	if prefix == "" && ending == "" && formatOf(base) != nil {
		if info, err := s.stat(base); err == nil {
			return base, info, nil
		}
	}
	return "", nil, fmt.Errorf("%w: %s", ErrNotFound, name)
}

// newestVersion returns the recording of a stream that was written last; info is
// nil when there is none.
func (s *Store) newestVersion(base string) (file string, info fs.FileInfo, err error) {
	if i, err := s.stat(base + extension); err == nil {
		file, info = base+extension, i
	}
	entries, err := fs.ReadDir(s.root.FS(), path.Dir(base))
	if err != nil && !isMissing(err) {
		return "", nil, err
	}
	var newest version
	for _, e := range entries {
		v, ok := versionOf(e.Name(), path.Base(base))
		if !ok {
			continue
		}
		i, err := e.Info()
		if err != nil || !i.Mode().IsRegular() {
			continue
		}
		// Files of one instant differ in their names only.
		if info == nil || i.ModTime().After(info.ModTime()) || i.ModTime().Equal(info.ModTime()) && newest.before(v) {
			file, info, newest = path.Join(path.Dir(base), e.Name()), i, v
		}
	}
	return file, info, nil
}

// version tells recordings of mode All of one stream apart: when it began, and
// which of those that began in the same second it is.
type version struct {
	began time.Time
	n     int
}

func (v version) before(u version) bool {
	return v.began.Before(u.began) || v.began.Equal(u.began) && v.n < u.n
}

// versionOf reads the name of a file; ok is false when it is no recording of mode
// All of that stream.
func versionOf(file, stream string) (v version, ok bool) {
	rest, ok := strings.CutPrefix(file, stream+"-")
	if !ok {
		return v, false
	}
	if rest, ok = strings.CutSuffix(rest, extension); !ok {
		return v, false
	}
	stamp, number, several := strings.Cut(rest, "-")
	var err error
	if v.began, err = time.Parse(dated, stamp); err != nil {
		return v, false
	}
	v.n = 1
	if several {
		if v.n, err = strconv.Atoi(number); err != nil {
			return v, false
		}
	}
	return v, true
}
