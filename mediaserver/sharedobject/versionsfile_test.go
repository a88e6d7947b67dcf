package sharedobject

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Where the file cannot be replaced, as on a disk that is full, it is overwritten: a
// server that is killed then has told no version that comes again.
func TestVersionsThatCannotBeReplaced(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{MinFree: 1})
	o := load(t, s, "a", true)
	changeOften(t, s, o, 1)
	save(t, s, o, true)
	end(t, s)
	if err := os.MkdirAll(filepath.Join(s.dir, tempVersions, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 { // killed each time
		s = OpenStore(s.dir, StoreOptions{MinFree: 1})
		o = load(t, s, "a", false)
		told := changeOften(t, s, o, 2*reserve)
		next := OpenStore(s.dir, StoreOptions{MinFree: 1})
		if again := load(t, next, "a", false); again.Version() <= told {
			t.Errorf("it goes on at version %d, and %d was told", again.Version(), told)
		}
	}
}

// Where the file is lost, and versions are ahead of the clock, each object goes on
// above what its file says, and not the first alone.
func TestLostVersionsOfManyObjects(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{MinFree: 1})
	told := map[string]uint32{}
	for i := range 3 {
		name := fmt.Sprint("o", i)
		o := load(t, s, name, true)
		if i == 0 {
			o.goOnAt(1 << 30)
		}
		changeOften(t, s, o, 1)
		save(t, s, o, true)
		told[name] = changeOften(t, s, o, 5) // and killed
	}
	if err := os.Remove(filepath.Join(s.dir, versionsFile)); err != nil {
		t.Fatal(err)
	}
	s = OpenStore(s.dir, StoreOptions{MinFree: 1})
	for name, version := range told {
		if o := load(t, s, name, false); o.Version() <= version {
			t.Errorf("%s goes on at version %d, and %d was told", name, o.Version(), version)
		}
	}
}

// A pipe where the file should be keeps nobody waiting.
func TestVersionsInAPipe(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{MinFree: 1})
	if err := syscall.Mkfifo(filepath.Join(s.dir, versionsFile), 0o644); err != nil {
		t.Fatal(err)
	}
	load(t, s, "a", true)
}

// Counting the folder leaves alone what is being written.
func TestCountLeavesVersionsAlone(t *testing.T) {
	t.Parallel()
	s := OpenStore(t.TempDir(), StoreOptions{MinFree: 1})
	load(t, s, "a", true)
	temp := filepath.Join(s.dir, tempVersions)
	if err := os.WriteFile(temp, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.count(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(temp); errors.Is(err, fs.ErrNotExist) {
		t.Error("it is gone")
	}
}

// A folder that may not be looked into keeps nobody from objects beside it.
func TestFolderOfSomebodyElse(t *testing.T) {
	dir := t.TempDir()
	for _, one := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(one, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := OpenStore(dir, StoreOptions{MinFree: 1})
	o := load(t, s, "a", true)
	changeOften(t, s, o, 1)
	save(t, s, o, true)
	other := filepath.Join(s.dir, "other")
	if err := os.Mkdir(other, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(other, 0o700) })
	if os.Getuid() == 0 { // who may look into all folders
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := syscall.Setfsuid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Setfsuid(0) }()
	}
	if _, err := os.ReadDir(other); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("the folder may be looked into: %v", err)
	}
	load(t, OpenStore(s.dir, StoreOptions{MinFree: 1}), "a", false)
}
