package recording

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// asNobody does something with the rights that a stranger's files leave to a server
// that is not root: a thread of its own has them, whoever runs the test.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	const nobody = 65534
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and not unlocked: the thread ends with its goroutine
		if os.Geteuid() == 0 {
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0) // it returns what was before
			_, _, _ = syscall.RawSyscall(syscall.SYS_SETFSGID, nobody, 0, 0)
		}
		do()
	}()
	<-done
}

// Folders and files without rights, which others have put into the folder of
// recordings, keep no server that is not root from starting, nor from recording and
// listing what else there is.
func TestStartWithoutRights(t *testing.T) {
	dir := t.TempDir()
	servertest.WriteFLV(t, filepath.Join(dir, "mine.flv"), servertest.Sound(2)...)
	for _, one := range []string{"locked", filepath.Join("open", "locked"), filepath.Join(journalDir, "locked.json")} {
		if err := os.MkdirAll(filepath.Join(dir, one), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for file, mode := range map[string]os.FileMode{"cam.flv.part": 0, "their.flv": 0, "locked": 0, "open/locked": 0, journalDir + "/theirs.json": 0, journalDir + "/locked.json": 0} {
		path := filepath.Join(dir, file)
		if _, err := os.Stat(path); err != nil {
			if err := os.WriteFile(path, []byte("a letter"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
	}
	for _, at := range []string{dir, filepath.Join(dir, "open"), filepath.Join(dir, journalDir)} {
		if err := os.Chmod(at, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	for at := filepath.Dir(dir); len(at) > len(os.TempDir()); at = filepath.Dir(at) { // the way there
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	asNobody(t, func() {
		if _, err := os.Open(filepath.Join(dir, "their.flv")); err == nil {
			t.Error("nobody has the rights of somebody")
		}
		started := time.Now()
		s, err := Open(dir, nil, Options{MaxFiles: 1000})
		if err != nil {
			t.Error(err)
			return
		}
		defer func() {
			if err := s.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		if took := time.Since(started); took > time.Minute {
			t.Errorf("the start took %v", took)
		}
		page, _, err := s.List(context.Background(), "", 10)
		if err != nil || len(page) != 2 || page[0].Name != "mine" || page[1].Name != "their" {
			t.Errorf("listed are %+v, %v", page, err)
		}
		src := make(source)
		r, err := s.Record("cam", ModeRecord, src, func(error) {})
		if err != nil {
			t.Error(err)
			return
		}
		go func() {
			for _, m := range seconds(1, 0) {
				src <- m
			}
			close(src)
		}()
		if err := r.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
