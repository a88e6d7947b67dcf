package folders

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"flashpod.dev/flashpod/mediaserver/servertest"
)

// The disk of one index hangs while a folder of it is read: the folders of others
// are answered all the same, and whoever has gone does not wait for it.
func TestDiskThatHangsKeepsNobodyElse(t *testing.T) {
	w := NewWatcher(nil)
	defer w.Close()
	hangs, reached := make(chan struct{}), make(chan struct{}, 10)
	w.fileSystem = func(fd int) (int64, error) {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", strconv.Itoa(fd))); err == nil && strings.HasSuffix(to, "/slow") {
			reached <- struct{}{}
			<-hangs
		}
		return fileSystem(fd)
	}
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "slow"), 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	x := New(r, w, tested)
	defer x.Close()
	first := make(chan error, 1)
	go func() {
		_, err := x.Open(context.Background(), "slow")
		first <- err
	}()
	<-reached
	other := make(chan error, 1)
	go func() {
		_, err := x.Open(context.Background(), ".")
		other <- err
	}()
	select {
	case err := <-other:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(servertest.Patience):
		t.Error("another folder is not answered")
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.Open(gone, "slow"); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone is told %v", err)
	}
	close(hangs)
	if err := <-first; err != nil {
		t.Error(err)
	}
}
