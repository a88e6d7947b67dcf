package command

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/servertest"
)

// Where a disk takes nothing, a persistent object can be read, and no change of it is
// told that the next server would not know of; it can be changed once the disk is well.
func TestServeSharedObjectWithoutVersions(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	doc := filepath.Join(data, "one.yaml")
	if err := os.WriteFile(doc, []byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec:\n  application: app\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func() (*program, *rtmp.SharedObject) {
		p := startProgram(t, "serve", "-f", doc, "--data", data, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
		nc, err := rtmp.Connect(t.Context(), p.url+"/-", rtmp.Config{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		o := nc.SharedObject("a", true)
		if err := o.Use(t.Context()); err != nil {
			t.Fatal(err)
		}
		return p, o
	}
	p, o := serve()
	if err := o.Set(t.Context(), "kept", "1"); err != nil {
		t.Fatal(err)
	}
	p.interrupt(t)
	block := filepath.Join(data, "app", "sharedobjects", "one", ".versions")
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(block, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, o = serve()
	before := o.Version()
	for n := range 5 {
		if err := o.Set(t.Context(), fmt.Sprint("old", n), "x"); err == nil {
			t.Error("it is changed")
		}
	}
	if v, ok := o.Get("kept"); !ok || v != "1" || o.Version() != before {
		t.Errorf("it has %v at version %d", o.Slots(), o.Version())
	}
	p.end(t, syscall.SIGKILL)
	_, o = serve()
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	servertest.Eventually(t, "it can be changed", func() bool { return o.Set(t.Context(), "new", "x") == nil })
	if o.Version() <= before {
		t.Errorf("version %d is told, and %d was", o.Version(), before)
	}
}
