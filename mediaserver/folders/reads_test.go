package folders

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// readers counts how often a folder is read, as the kernel tells it.
type readers struct {
	t  *testing.T
	fd int
}

func watchReaders(t *testing.T, dir string) *readers {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_ACCESS|syscall.IN_ONLYDIR); err != nil {
		t.Fatal(err)
	}
	return &readers{t, fd}
}

// since is how often it was read since the last call.
func (r *readers) since() (times int) {
	r.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(r.fd, buf)
		if err != nil || n <= 0 {
			return times
		}
		for b := buf[:n]; len(b) >= syscall.SizeofInotifyEvent; {
			if binary.NativeEndian.Uint32(b[4:])&syscall.IN_ISDIR != 0 {
				times++
			}
			b = b[syscall.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:])):]
		}
	}
}

// A folder is read once. Questions about it, however many, and what comes and goes,
// where the kernel tells of it, have it read no more.
func TestQuestionsReadNothing(t *testing.T) {
	for _, name := range []string{"watched", "by time"} {
		t.Run(name, func(t *testing.T) {
			x, root := newIndex(t, ways[name]())
			for i := range 3000 {
				if err := os.WriteFile(filepath.Join(root, fmt.Sprintf("cam-%06d.flv", i)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			old := time.Now().Add(-time.Hour)
			if err := os.Chtimes(root, old, old); err != nil {
				t.Fatal(err)
			}
			read := watchReaders(t, root)
			ask := func() {
				t.Helper()
				f, err := x.Open(t.Context(), ".")
				if err != nil {
					t.Fatal(err)
				}
				for i := range 50 {
					name := fmt.Sprintf("cam-%06d.flv", i*61)
					if has, err := f.Has(0, name); err != nil || !has {
						t.Fatalf("%s is there: %v, %v", name, has, err)
					}
					if has, err := f.Has(0, "missing"+name); err != nil || has {
						t.Fatalf("what is missing is there: %v, %v", has, err)
					}
				}
			}
			ask()
			if read.since() == 0 {
				t.Fatal("it was never read, or the kernel tells nothing")
			}
			for range 20 {
				ask()
			}
			if n := read.since(); n > 0 {
				t.Errorf("questions have it read %d times more", n)
			}
			if name != "watched" {
				return
			}
			for i := range 20 {
				if err := os.WriteFile(filepath.Join(root, fmt.Sprint("new", i)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
				ask()
			}
			if n := read.since(); n > 0 {
				t.Errorf("what comes has it read %d times more", n)
			}
		})
	}
}
