package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// TestInstancesInsideOneAnotherHaveObjectsOfTheirOwn: "a/x" of lobby is not "x" of
// lobby/a, nor that of an instance that is called as a folder is.
func TestInstancesInsideOneAnotherHaveObjectsOfTheirOwn(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	all := []struct{ instance, object, file string }{
		{"lobby", "a/x", "lobby/a/x.fso"},
		{"lobby/a", "x", "lobby%2Fa/x.fso"},
		{"lobby%2Fa", "x", "lobby%252Fa/x.fso"},
	}
	for _, written := range []bool{false, true} {
		s, stop := runWith(t, Config{Data: data}, rooms+"}")
		for _, one := range all {
			nc, err := rtmp.Connect(t.Context(), "rtmp://"+s.RTMPAddr().String()+"/app/"+strings.ReplaceAll(one.instance, "%", "%25")+"/-", rtmp.Config{})
			if err != nil {
				t.Fatal(err)
			}
			o := nc.SharedObject(one.object, true)
			if err := o.Use(t.Context()); err != nil {
				t.Fatal(err)
			}
			if v, _ := o.Get("of"); written && v != one.instance || !written && v != nil {
				t.Errorf("%s of %s is of %v", one.object, one.instance, v)
			}
			if err := o.Set(t.Context(), "of", one.instance); err != nil {
				t.Fatal(err)
			}
			nc.Close()
		}
		stop()
	}
	var err error
	for _, one := range all {
		_, e := os.Stat(filepath.Join(data, "app", "sharedobjects", filepath.FromSlash(one.file)))
		err = errors.Join(err, e)
	}
	if err != nil {
		t.Error(err)
	}
}
