package recording

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// spy counts the files that are opened in a folder, and how often the folder is
// read, as the kernel tells it.
type spy struct {
	t  *testing.T
	fd int
}

func spyOn(t *testing.T, dir string) *spy {
	t.Helper()
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if _, err := syscall.InotifyAddWatch(fd, dir, syscall.IN_OPEN|syscall.IN_ACCESS|syscall.IN_ONLYDIR); err != nil {
		t.Fatal(err)
	}
	return &spy{t, fd}
}

// since tells of the time since the last call.
func (s *spy) since() (files, reads int) {
	s.t.Helper()
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.Read(s.fd, buf)
		if err != nil || n <= 0 {
			return files, reads
		}
		for b := buf[:n]; len(b) >= syscall.SizeofInotifyEvent; {
			switch mask := binary.NativeEndian.Uint32(b[4:]); {
			case mask&syscall.IN_Q_OVERFLOW != 0:
				s.t.Error("more than the kernel tells")
			case mask&syscall.IN_ISDIR == 0 && mask&syscall.IN_OPEN != 0:
				files++
			case mask&syscall.IN_ISDIR != 0 && mask&syscall.IN_ACCESS != 0:
				reads++
			}
			b = b[syscall.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(b[12:])):]
		}
	}
}

// A start opens none of the recordings that are finished, however many there are;
// a page of the list opens as many as it has; and a question about a name opens its
// file, or nothing, and does not have the folder read again.
func TestWhatIsNotAskedForIsNotRead(t *testing.T) {
	const recordings = 3000
	dir := t.TempDir()
	first := filepath.Join(dir, "cam-000000.flv")
	servertest.WriteFLV(t, first, servertest.Sound(2)...)
	for i := 1; i < recordings; i++ {
		if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("cam-%06d.flv", i))); err != nil {
			t.Fatal(err)
		}
	}
	spy := spyOn(t, dir)
	s := open(t, dir, Options{})
	<-s.mended
	if files, reads := spy.since(); files+reads > 0 {
		t.Errorf("the start has opened %d files, and read the folder %d times", files, reads)
	}
	page, next, err := s.List(context.Background(), "", 5)
	if err != nil || len(page) != 5 || next == "" || page[0].Duration < 0 {
		t.Fatalf("%+v, next %q, %v", page, next, err)
	}
	if files, reads := spy.since(); files > 5 || reads == 0 {
		t.Errorf("a page of 5 has opened %d files, and read the folder %d times", files, reads)
	}
	for i := range 100 {
		if _, err := s.Length(context.Background(), fmt.Sprint("missing", i)); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := s.OpenFile(context.Background(), fmt.Sprint("mp4:missing", i)); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	if files, reads := spy.since(); files+reads > 0 {
		t.Errorf("questions about what is missing have opened %d files, and read the folder %d times", files, reads)
	}
	if page, _, err = s.List(context.Background(), "cam-002990", 1); err != nil || len(page) != 1 || page[0].Name != "cam-002991" {
		t.Errorf("%+v, %v", page, err)
	}
	if d, err := s.Length(context.Background(), "cam-001234"); err != nil || d.Seconds() != 2 {
		t.Errorf("%v, %v", d, err)
	}
	if files, reads := spy.since(); files > 4 || reads > 0 {
		t.Errorf("a page of one and a length have opened %d files, and read the folder %d times", files, reads)
	}
}

// What a server was recording when it was killed is the only thing that the next
// one looks at.
func TestStartLooksAtOpenRecordingsOnly(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	servertest.WriteFLV(t, filepath.Join(dir, "old.flv"), servertest.Sound(1)...)
	for i := range 50 {
		if err := os.Link(filepath.Join(dir, "old.flv"), filepath.Join(dir, fmt.Sprint("old", i, ".flv"))); err != nil {
			t.Fatal(err)
		}
	}
	src, r := started(t, s, "torn", ModeRecord)
	later := copyOf(t, dir)
	stop(t, src, r)
	spy := spyOn(t, later)
	s = open(t, later, Options{})
	<-s.mended
	// It is opened to be mended; where it is, what is known of it was a look at it.
	if files, _ := spy.since(); files == 0 || files > 5 {
		t.Errorf("%d files were opened to mend one", files)
	}
	f, err := os.Open(filepath.Join(later, "torn.flv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := flv.Finished(f, info.Size()); !ok {
		t.Error("it is not mended")
	}
}

// front is a file that is read at its front only.
type front struct {
	t     *testing.T
	bytes []byte
}

func (f front) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > firstLook {
		f.t.Errorf("%d bytes are read at %d", len(b), at)
	}
	clear(b)
	if at < int64(len(f.bytes)) {
		copy(b, f.bytes[at:])
	}
	return len(b), nil
}

// Whether something is in a file is found out at its front, however long it is, and
// behind that only where nothing is there.
func TestWhetherARecordingPlaysIsSeenAtItsFront(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, Options{})
	record(t, s, "cam", ModeRecord, seconds(2, 0))
	whole, err := os.ReadFile(filepath.Join(dir, "cam.flv"))
	if err != nil {
		t.Fatal(err)
	}
	if something, err := plays(front{t, whole}, 1<<40); err != nil || !something {
		t.Errorf("a recording of two seconds, and a terabyte: %v, %v", something, err)
	}
	x, err := flv.Scan(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if something, err := plays(bytes.NewReader(whole), x.First); err != nil || something {
		t.Errorf("a recording of nothing but metadata: %v, %v", something, err)
	}
}
