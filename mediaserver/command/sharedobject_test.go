package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

func TestSharedObjectCommand(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	so := func(args ...string) string { return must(t, append([]string{"shared-object"}, args...)...) }
	so("set", s.url, "wall", "topic", `"Flash is back"`, "--persistent")
	so("set", s.url+"/", "wall", "list", `[1, {"a": null}, true]`, "--persistent")
	if got := so("get", s.url, "wall", "--persistent"); got != "list\t[1,{\"a\":null},true]\ntopic\t\"Flash is back\"\n" {
		t.Errorf("got %q", got)
	}
	if got := so("get", s.secure, "wall", "topic", "--persistent", "-o", "json", "--ca", s.ca); got != "\"Flash is back\"\n" {
		t.Errorf("got %q", got)
	}
	if got := so("get", s.url, "wall"); got != "" {
		t.Errorf("the transient object has %q", got)
	}
	so("delete", s.url, "wall", "topic", "--persistent")
	if got := so("get", s.url, "wall", "--persistent", "-o", "json"); !strings.HasPrefix(got, "{\n  \"list\":") {
		t.Errorf("got %q", got)
	}
	so("set", s.url, "wall", "list", "null", "--persistent")
	so("send", s.url, "wall", "hello", "1", `"x"`)
	so("delete", s.url, "wall", "--all")
	if got := so("get", s.url, "wall", "--persistent", "-o", "json"); got != "{}\n" {
		t.Errorf("got %q", got)
	}
}

// watch is told of what others do.
func TestSharedObjectWatch(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "")
	nc, err := rtmp.Connect(t.Context(), s.url+"/-", rtmp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	o := nc.SharedObject("users", false)
	if err := errors.Join(o.Use(t.Context()), o.Set(t.Context(), "anna", amf.NewArray(1.0, true))); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	ctx, stop := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		cmd := rootCommand("test")
		cmd.SetArgs([]string{"shared-object", "watch", s.url, "users", "-o", "json"})
		cmd.SetOut(w)
		done <- cmd.ExecuteContext(ctx)
	}()
	lines := bufio.NewScanner(r)
	expect := func(want ...string) {
		t.Helper()
		for _, line := range want {
			if !lines.Scan() || lines.Text() != line {
				t.Fatalf("got %s, want %s", lines.Text(), line)
			}
		}
	}
	expect(`{"code":"clear"}`, `{"code":"change","name":"anna","value":[1,true]}`)
	if err := errors.Join(o.Set(t.Context(), "bob", "b"), o.Send(t.Context(), "hi", 5), o.Delete(t.Context(), "anna"), o.Clear(t.Context())); err != nil {
		t.Fatal(err)
	}
	expect(`{"code":"change","name":"bob","value":"b"}`, `{"code":"send","name":"hi","args":[5]}`, `{"code":"delete","name":"anna"}`, `{"code":"clear"}`)
	stop(interrupted{os.Interrupt})
	if err := <-done; exitCode(err) != 130 {
		t.Errorf("watch ended with %v", err)
	}
}

func TestSharedObjectMistakes(t *testing.T) {
	t.Parallel()
	s := serveOne(t, "limits: {maxSlotSize: 1024}, ")
	for _, c := range []struct {
		code int
		want string
		args []string
	}{
		{2, "needs get, set, delete, send or watch", nil},
		{2, "get takes URL NAME [SLOT]", []string{"get", s.url}},
		{2, "text is in quotes", []string{"set", s.url, "a", "x", "hello"}},
		{2, `--output "xml": choose text or json`, []string{"get", s.url, "a", "-o", "xml"}},
		{2, "delete needs SLOT, or --all", []string{"delete", s.url, "a"}},
		{2, `scheme is "http"`, []string{"get", "http://127.0.0.1/a/b", "a"}},
		{1, `no slot "x"`, []string{"get", s.url, "a", "x"}},
		{1, `no slot "x"`, []string{"delete", s.url, "a", "x"}},
		{2, "bad name of a shared object", []string{"get", s.url, "a/../b"}},
		{2, "--for -5s: how long is more than nothing", []string{"watch", s.url, "a", "--for", "-5s"}},
		{2, "has a name of one letter at least", []string{"set", s.url, "a", "", "5"}},
		{2, "put -- before arguments that begin with a minus sign", []string{"set", s.url, "a", "x", "-5"}},
		{2, "is it get or set? See flashpod shared-object --help", []string{"gett"}},
		{1, "SharedObject.NoWriteAccess", []string{"set", s.url, "a", "x", `"` + strings.Repeat("x", 2000) + `"`}},
		{1, "SharedObject.NoWriteAccess", []string{"send", s.url, "a", "x", `"` + strings.Repeat("x", 2000) + `"`}},
		{1, "NetConnection.Connect.InvalidApp", []string{"get", strings.Replace(s.url, "/app/", "/nowhere/", 1), "a"}},
	} {
		_, err := flashpod(t.Context(), nil, append([]string{"shared-object"}, c.args...)...)
		if err == nil || exitCode(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.80q: exit code %d, %v; want %d, %q", c.args, exitCode(err), err, c.code, c.want)
		}
	}
}

// A persistent object is there again after the server's end, with its version.
func TestSharedObjectStays(t *testing.T) {
	t.Parallel()
	data, doc := t.TempDir(), filepath.Join(t.TempDir(), "one.yaml")
	if err := os.WriteFile(doc, []byte("apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\nmetadata: {name: one}\nspec: {application: app}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"", "a\t1\n"} {
		s := startProgram(t, "serve", "-f", doc, "--data", data, "--rtmp-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0")
		if got := must(t, "shared-object", "get", s.url, "rooms/list", "--persistent"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		must(t, "shared-object", "set", s.url, "rooms/list", "a", "1", "--persistent")
		s.interrupt(t)
	}
	b, err := os.ReadFile(filepath.Join(data, "app", "sharedobjects", "one", "rooms", "list.fso"))
	if err != nil || !bytes.HasPrefix(b, []byte("Flashpod shared object 1\n")) {
		t.Errorf("the file begins with %.30q, %v", b, err)
	}
}
