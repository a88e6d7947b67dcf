package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"
)

// The file a/cam of an instance lobby and the file cam of an instance lobby/a are
// one. Whose a folder below an instance's own is, is said by a small file in it, the
// marker: with it, it is the folder of an instance; without, of streams. It lies
// with what it is about, so that it is moved, copied and removed together with
// that, and one look at one place answers, however many folders there are.
//
// Whoever writes first has the folder. Both write, and look then whether the other
// has: a recorder makes its file and looks for markers on the way to it; an
// instance makes its marker and looks for files beside it. So of two at once one at
// least sees the other, and gives way.

const (
	marker = ".instance"
	// maxInstanceName is how many bytes the name of an instance may have, and
	// maxInstanceDepth how many parts.
	maxInstanceName  = maxName
	maxInstanceDepth = maxDepth
	// maxClaimVisits is how many folders are looked into for files of streams.
	maxClaimVisits = 128
)

// CheckInstance says why an instance that is named by a client cannot have a folder
// below that of its application; nil: it can.
func CheckInstance(name string) error {
	why := noPath(name)
	switch {
	case why != "":
	case !utf8.ValidString(name), strings.ContainsFunc(name, misleads):
		why = "has characters that control a terminal or turn the direction of what is read"
	case strings.ContainsAny(name, `*?"<>|`):
		why = "has characters that are not for files"
	case len(name) > maxInstanceName:
		why = fmt.Sprintf("is longer than %d bytes", maxInstanceName)
	case strings.Count(name, "/") >= maxInstanceDepth:
		why = fmt.Sprintf("has more than %d parts", maxInstanceDepth)
	}
	if why != "" {
		return fmt.Errorf("%w: the name of the instance %s", ErrBadName, why)
	}
	for part := range strings.SplitSeq(name, "/") {
		if likeFile(part) {
			return fmt.Errorf("%w: the name of the instance has a part that is called as a file is: leave out its ending", ErrBadName)
		}
	}
	return nil
}

// ClaimedError says that a folder is that of streams of another instance.
type ClaimedError struct{ Folder, By string }

// Error implements error.
func (e *ClaimedError) Error() string {
	return fmt.Sprintf("the folder %s has streams of the instance %s in it: connect to that one, or choose another name", e.Folder, e.By)
}

// Unwrap implements the interface of errors.
func (e *ClaimedError) Unwrap() error { return ErrBadName }

// Claims are the folders of an application's instances.
type Claims struct {
	Streams string                 // the folder that they are in
	Known   func(name string) bool // instances that have their folders whatever lies there
}

// Check says whose the folder of an instance is, of which nothing need be there: it
// fails with a *ClaimedError. It changes nothing.
func (c Claims) Check(name string) error {
	for folder := range upTo(name) {
		dir := filepath.Join(c.Streams, filepath.FromSlash(folder))
		info, err := os.Stat(dir)
		switch {
		case isMissing(err):
			return nil
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%w: %s is a file, and no folder", ErrBadName, folder)
		}
		if err := c.free(folder, dir); err != nil {
			return err
		}
	}
	return nil
}

// has is Check for who would use the folder: fs.ErrNotExist says that the instance
// has none yet.
func (c Claims) has(name string) error {
	if err := c.Check(name); err != nil {
		return err
	}
	if dir := filepath.Join(c.Streams, filepath.FromSlash(name)); !c.own(name) && !isMarked(dir) {
		return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return nil
}

// Make makes the folder of an instance, and those around it, and marks them. It
// fails with a *ClaimedError, or with what keeps a folder from being made.
func (c Claims) Make(name string) error {
	if err := os.MkdirAll(c.Streams, 0o755); err != nil {
		return err
	}
	for folder := range upTo(name) {
		dir := filepath.Join(c.Streams, filepath.FromSlash(folder))
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := c.mark(folder, dir); err != nil {
			return err
		}
	}
	return nil
}

// Mark marks the folder of an instance that is there.
func (c Claims) Mark(name string) error {
	return writeMarker(filepath.Join(c.Streams, filepath.FromSlash(name)), name)
}

// mark marks a folder unless it is that of streams.
func (c Claims) mark(folder, dir string) error {
	if c.own(folder) || isMarked(dir) {
		return nil
	}
	if err := c.free(folder, dir); err != nil {
		return err
	}
	if err := writeMarker(dir, folder); err != nil {
		return err
	}
	for range 2 { // a file that gets its name while a folder is read may be missed under both
		if visits := maxClaimVisits; holdsStreams(dir, &visits) { // somebody was first, just now
			return errors.Join(c.claimed(folder), os.Remove(filepath.Join(dir, marker)))
		}
	}
	return nil
}

// Nested are the folders of instances in a folder of one, which are marked: where
// they lie, with slashes from there.
func Nested(dir string) (names []string, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		at := filepath.Join(dir, e.Name())
		if !e.IsDir() || !isMarked(at) {
			continue
		}
		inner, err := Nested(at)
		if err != nil {
			return nil, err
		}
		names = append(names, e.Name())
		for _, name := range inner {
			names = append(names, e.Name()+"/"+name)
		}
	}
	return names, nil
}

// Has says whether a folder that lies in that of an instance is an instance's, too.
func (c Claims) Has(name string) bool {
	return c.own(name) || isMarked(filepath.Join(c.Streams, filepath.FromSlash(name)))
}

// free fails for the folder of streams.
func (c Claims) free(folder, dir string) error {
	if c.own(folder) || isMarked(dir) {
		return nil
	}
	if visits := maxClaimVisits; holdsStreams(dir, &visits) {
		return c.claimed(folder)
	}
	return nil
}

// own says whether a folder is an instance's, whatever lies in it: there is no
// instance around the first part of a name.
func (c Claims) own(folder string) bool {
	return !strings.Contains(folder, "/") || c.Known != nil && c.Known(folder)
}

func (c Claims) claimed(folder string) error {
	by := path.Dir(folder)
	for ; !c.own(by) && !isMarked(filepath.Join(c.Streams, filepath.FromSlash(by))); by = path.Dir(by) {
	}
	return &ClaimedError{Folder: folder, By: by}
}

// upTo are the folders on the way to that of an instance, and its own.
func upTo(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := 0; i <= len(name); i++ {
			if (i == len(name) || name[i] == '/') && !yield(name[:i]) {
				return
			}
		}
	}
}

func writeMarker(dir, name string) error {
	f, err := os.OpenFile(filepath.Join(dir, marker), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "What lies here is of the instance %s, and no stream of another.\n", name)
	return errors.Join(err, f.Close())
}

func isMarked(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, marker))
	return err == nil
}

// holdsStreams says whether a folder has files in it that are no other instance's:
// in itself, or in folders that have no marker. One that would take long to look
// through is taken to have some.
func holdsStreams(dir string, visits *int) bool {
	if *visits--; *visits < 0 {
		return true
	}
	d, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return !isMissing(err)
	}
	defer d.Close()
	const some = 64
	for {
		list, err := d.ReadDir(some)
		for _, e := range list {
			at := filepath.Join(dir, e.Name())
			switch {
			case e.Name() == marker:
			case !e.IsDir():
				return true
			case !isMarked(at) && holdsStreams(at, visits):
				return true
			}
		}
		if err != nil {
			return false // all was seen
		}
		if *visits -= 1; *visits < 0 {
			return true
		}
	}
}

// giveBack removes the folder of a store that is opened late when nothing but its
// marker is left in it, for who would have it next.
func (s *Store) giveBack() {
	if s.root.late == nil || s.root.at.Load() == nil || !s.root.made.Load() && !isMarked(s.root.path) {
		return
	}
	d, err := s.root.Open(".")
	if err != nil {
		return
	}
	list, _ := d.Readdirnames(2)
	d.Close()
	if len(list) > 1 || len(list) == 1 && list[0] != marker {
		return
	}
	_ = s.root.Remove(marker)
	_ = os.Remove(s.root.path) // unless something has come meanwhile
}

// marked says whether a folder is marked as another instance's.
func (s *Store) marked(folder string) bool {
	_, err := s.root.Lstat(folder + "/" + marker)
	return err == nil
}

// theirs fails for a name that lies in the folder of another instance, as its
// marker says. It looks at the disk.
func (s *Store) theirs(base string) error {
	for i := range len(base) {
		if base[i] == '/' && s.marked(base[:i]) {
			return inAnother(base, base[:i])
		}
	}
	return nil
}

func inAnother(name, other string) error {
	return fmt.Errorf("%w: %.64q lies in the folder of another instance, %s below this one: connect to that one, or choose another name", ErrBadName, name, other)
}
