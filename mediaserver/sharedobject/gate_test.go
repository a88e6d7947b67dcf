package sharedobject

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// block lets nobody write what is noted of versions in a folder, and has it lost.
func block(t *testing.T, dir string) (heal func()) {
	t.Helper()
	at := filepath.Join(dir, versionsFile)
	if err := errors.Join(os.RemoveAll(at), os.MkdirAll(filepath.Join(at, "x"), 0o755)); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.RemoveAll(at); err != nil {
			t.Error(err)
		}
	}
}

// Where it cannot be written how far versions go, what is there can be read, and
// nothing may be changed.
func TestNothingChangesWithoutACeiling(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "a", true)
	changeOften(t, s, o, 1)
	save(t, s, o, true)
	end(t, s)
	heal := block(t, s.dir)
	s = OpenStore(s.dir, StoreOptions{})
	o = load(t, s, "a", false)
	fresh, second := load(t, s, "b", true), load(t, s, "c", true)
	if s.May(o.Version()+1) || s.May(fresh.Version()+1) || s.Raise() == nil {
		t.Error("objects may be changed")
	}
	if fresh.Version() != second.Version() {
		t.Errorf("versions %d and %d are told", fresh.Version(), second.Version())
	}
	heal()
	if err := s.Raise(); err != nil || !s.May(o.Version()+1) || !s.May(fresh.Version()+reserve) || s.May(fresh.Version()+reserve+1) {
		t.Errorf("the disk is healed: %v", err)
	}
	block(t, s.dir)
	if s.Told(fresh.Version() + reserve/2 - 1) {
		t.Error("the next ceiling is written before there is need of it")
	}
	if !s.Told(fresh.Version()+reserve/2+1) || s.Raise() == nil {
		t.Error("the next ceiling is not written")
	}
	if !s.May(fresh.Version()+reserve) || s.May(fresh.Version()+reserve+1) {
		t.Error("the ceiling is another one")
	}
}

// Where nothing is changed, nothing is made.
func TestReadingLeavesNoFolder(t *testing.T) {
	t.Parallel()
	s := OpenStore(filepath.Join(t.TempDir(), "one"), StoreOptions{})
	load(t, s, "a", true)
	s.Forgo()
	end(t, s)
	if _, err := os.Stat(s.dir); err == nil {
		t.Error("there is a folder")
	}
	if err := s.Raise(); err != nil || !s.May(load(t, s, "a", true).Version()+1) {
		t.Errorf("it may not be changed: %v", err)
	}
}

// After a kill, and without its file, no version is told again that is above the
// clock, whatever the object.
func TestVersionsAboveTheClockWithoutTheirFile(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	var told []uint32
	for n := range 3 {
		o := load(t, s, fmt.Sprint("a/", n), true)
		if n == 0 {
			o.goOnAt(1 << 29)
		}
		changeOften(t, s, o, 1)
		save(t, s, o, true)
		told = append(told, changeOften(t, s, o, 1))
	}
	if err := os.Remove(filepath.Join(s.dir, versionsFile)); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is killed again
		s = OpenStore(s.dir, StoreOptions{})
		for n := range told {
			o := load(t, s, fmt.Sprint("a/", n), false)
			if o.Version() <= told[n] || o.Recent(told[n]) {
				t.Errorf("object %d goes on at %d, and %d was told", n, o.Version(), told[n])
			}
		}
	}
}

// A file whose version leaves no room above it is none of ours, and others do not
// begin anew for it.
func TestVersionsHaveAnEnd(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "a", true)
	o.goOnAt(math.MaxUint32 - 10)
	save(t, s, o, true)
	last := load(t, s, "b", true)
	last.goOnAt(maxVersion - 1)
	save(t, s, last, true)
	if err := os.Remove(filepath.Join(s.dir, versionsFile)); err != nil {
		t.Fatal(err)
	}
	s = OpenStore(s.dir, StoreOptions{})
	if _, err := s.Load(NewObject("a", true, Limits{}, nil), Quota{}, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("it is read: %v", err)
	}
	if o := load(t, s, "c", true); o.Version() != maxVersion || s.Raise() == nil || s.May(o.Version()+1) {
		t.Errorf("a new one begins at %d", o.Version())
	}
}

// Who counts the folder leaves alone what is being written there.
func TestCountAndVersions(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	load(t, s, "a", true)
	counted := make(chan error)
	go func() {
		var err error
		for n := 0; n < 300 && err == nil; n++ {
			err = s.count()
		}
		counted <- err
	}()
	for range 100 {
		if err := s.Raise(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-counted; err != nil {
		t.Error(err)
	}
}

// A folder that cannot be read is left out, and all else goes on.
func TestFolderThatCannotBeRead(t *testing.T) {
	t.Parallel()
	above := t.TempDir()
	s := OpenStore(filepath.Join(above, "one"), StoreOptions{})
	if _, err := one(t, s, "rooms/a", 100, Quota{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Raise(); err != nil {
		t.Fatal(err)
	}
	for at, mode := range map[string]os.FileMode{filepath.Dir(above): 0o755, above: 0o755, filepath.Join(s.dir, "other"): 0} {
		if err := errors.Join(os.MkdirAll(at, 0o755), os.Chmod(at, mode)); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error)
	go func() {
		if os.Geteuid() == 0 {
			runtime.LockOSThread() // it ends with this goroutine
			if err := syscall.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		s = OpenStore(s.dir, StoreOptions{})
		_, err := s.Load(NewObject("rooms/a", true, Limits{}, nil), Quota{}, nil)
		done <- err
	}()
	if err := <-done; err != nil || s.Files() != 1 || s.Skipped() == nil || !strings.Contains(s.Skipped().Error(), "other") {
		t.Errorf("%v; %d files; %v is left out", err, s.Files(), s.Skipped())
	}
}

// The largest quota is one.
func TestQuotaWithoutEnd(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	if _, err := one(t, s, "a", 100, Quota{Bytes: math.MaxInt64}); err != nil {
		t.Error(err)
	}
}

// What a file says of deleted slots counts before it is written, as all else.
func TestFileSizeWithDeletedSlots(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{})
	o := load(t, s, "a", true)
	same := func() {
		t.Helper()
		if got, want := o.FileSize(), o.Snapshot().Size(); got != want {
			t.Errorf("%d bytes count, and the file has %d", got, want)
		}
	}
	for n := range maxGone + 10 {
		name := fmt.Sprintf("%0100d", n)
		o.Set(name, Value{Raw: []byte{2, 0, 1, 'x'}})
		o.Delete(name)
	}
	o.Set(fmt.Sprintf("%0100d", maxGone), Value{Raw: []byte{2, 0, 1, 'x'}})
	same()
	save(t, s, o, true)
	o = load(t, s, "a", false)
	same()
	o.Empty()
	same()
}
