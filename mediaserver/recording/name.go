package recording

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode"
)

const (
	maxName  = 200 // bytes; with a date and an ending, file systems take 255
	maxDepth = 8   // folders in a name
)

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
			return "", "", "", inAnother(name, other)
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
	if why := noPath(base); why != "" {
		return bad(why)
	}
	return prefix, base, ending, nil
}

// noPath says why a name is no path of files in a folder; "": it is.
func noPath(base string) (why string) {
	switch {
	case base == "":
		return "is empty"
	case strings.ContainsFunc(base, notForFiles):
		return "has characters that are not for files"
	case !fs.ValidPath(base):
		return "is no plain path"
	}
	for part := range strings.SplitSeq(base, "/") {
		if len(part) > maxName {
			return "is longer than 200 bytes"
		}
		if strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".") || strings.HasSuffix(part, " ") {
			return "begins or ends with a dot or a space"
		}
	}
	return ""
}

// notForFiles says whether a character cannot be in the name of a stream that has
// a file: those that control something, and what has a meaning of its own.
func notForFiles(r rune) bool {
	return r < ' ' || r == unicode.MaxASCII || r == '\\' || r == ':' || r == '\uFFFD'
}

// misleads says whether a character does something to who reads it: those that
// control a terminal, of the second block too, and those that turn the direction
// or begin a line. Files that have them play; nothing more is recorded so.
func misleads(r rune) bool {
	return r > unicode.MaxASCII && unicode.In(r, unicode.Cc, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// recordable says why nothing is recorded under a name, though files that lie
// there play: as a folder it would be where the file of another stream belongs, it
// is deeper than anybody needs, or it misleads who reads it.
func recordable(base string) error {
	dir := path.Dir(base)
	if strings.ContainsFunc(base, misleads) {
		return fmt.Errorf("%w: %.64q has characters that control a terminal or turn the direction of what is read: leave them out", ErrBadName, base)
	}
	if strings.Count(base, "/") > maxDepth {
		return fmt.Errorf("%w: %.64q has more than %d folders", ErrBadName, base, maxDepth)
	}
	for part := range strings.SplitSeq(dir, "/") {
		if likeFile(part) {
			return fmt.Errorf("%w: %.64q has a folder that is called as a file is: leave out its ending", ErrBadName, base)
		}
	}
	return nil
}

// likeFile says whether a folder would be where a file of ours may be.
func likeFile(folder string) bool {
	lower := strings.ToLower(folder) // on some disks that is the same
	taken := strings.HasSuffix(lower, partial)
	for _, f := range formats {
		taken = taken || strings.HasSuffix(lower, f.extension)
	}
	return taken
}

// newest returns the file that playing a name takes: one of the format that
// the name has a prefix for, then a recording, of which the one that was
// written last counts, then a file that is called just so. What is torn of it is
// mended first, until ctx ends.
func (s *Store) newest(ctx context.Context, name string) (file string, info fs.FileInfo, err error) {
	prefix, base, ending, err := s.split(name)
	if err == nil {
		err = s.theirs(base)
	}
	if err != nil {
		return "", nil, err
	}
	if err := s.settleName(ctx, base); err != nil {
		return "", nil, err
	}
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
	if file, info, err = s.newestVersion(ctx, base); info != nil && err == nil {
		info, err = s.whole(ctx, file, info)
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
func (s *Store) newestVersion(ctx context.Context, base string) (file string, info fs.FileInfo, err error) {
	if i, err := s.stat(base + extension); err == nil {
		file, info = base+extension, i
	}
	dir, leaf := path.Split(base)
	f, err := s.folders.Open(ctx, path.Clean(dir))
	if isMissing(err) {
		return file, info, nil
	}
	if err != nil {
		return "", nil, err
	}
	const few = 16 // one would do, if all of them were files
	last, err := f.Back(listDated, func(name string) bool { return streamOf(name) <= leaf }, few)
	if err != nil {
		return "", nil, err
	}
	for _, name := range last {
		if streamOf(name) != leaf {
			break
		}
		i, err := s.stat(dir + name)
		if err != nil {
			continue
		}
		// Files of one instant differ in their names only.
		if info == nil || !i.ModTime().Before(info.ModTime()) {
			file, info = dir+name, i
		}
		break
	}
	return file, info, nil
}
