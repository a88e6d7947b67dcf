package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// staticBinary compiles the smallest Go program there is.
func staticBinary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

func TestImageHoldsTheBinaryAndNothingOfThisMachine(t *testing.T) {
	binary := staticBinary(t)
	var files [2][]byte
	for i := range files {
		out := filepath.Join(t.TempDir(), "images", "media.tar")
		if err := run([]string{"-tag", "flashpod.dev/media:dev", "-binary", binary, "-path", "/usr/bin/media", "-out", out, "-label", "org.opencontainers.image.version=1.2.3"}); err != nil {
			t.Fatal(err)
		}
		var err error
		if files[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
		// What is in the file's metadata must not be in the image.
		if err := os.Chtimes(binary, time.Unix(1e9, 0), time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("the same binary gave two different images")
	}

	img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files[0])), nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Config.User; got != "65532:65532" {
		t.Errorf("user %q, want 65532:65532", got)
	}
	if got := strings.Join(file.Config.Entrypoint, " "); got != "/usr/bin/media" {
		t.Errorf("entry point %q, want /usr/bin/media", got)
	}
	if got := file.Config.Labels["org.opencontainers.image.version"]; got != "1.2.3" {
		t.Errorf("version label %q, want 1.2.3", got)
	}

	want, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(filesOf(t, img, want), " "); got != "usr/ usr/bin/ usr/bin/media" && got != "usr usr/bin usr/bin/media" {
		t.Errorf("image holds %q", got)
	}
}

// filesOf are the names of all that is in an image, where every file is one
// binary, and nothing has an owner or a time.
func filesOf(t *testing.T, img v1.Image, binary []byte) (names []string) {
	t.Helper()
	content := mutate.Extract(img)
	defer content.Close()
	for r := tar.NewReader(content); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s: owner %d:%d, time %v; want 0:0 and no time", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		if h.Typeflag == tar.TypeReg {
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, binary) || h.Mode != 0o555 {
				t.Errorf("%s: mode %o, %d bytes, error %v; want mode 555 and the binary's %d bytes", h.Name, h.Mode, len(got), err, len(binary))
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct{ name, args, want string }{
		{"no tag", "-binary x -path /x -out x.tar", "-tag: must be given"},
		{"bad tag", "-tag UPPER:dev -binary x -path /x -out x.tar", "option -tag"},
		{"relative path", "-tag a.dev/x:dev -binary x -path x -out x.tar", "must be absolute"},
		{"path that climbs", "-tag a.dev/x:dev -binary x -path /../x -out x.tar", "must be absolute and clean"},
		{"no such binary", "-tag a.dev/x:dev -binary " + text + ".none -path /x -out x.tar", "no such file"},
		{"a script", "-tag a.dev/x:dev -binary " + text + " -path /x -out x.tar", "not a Linux program"},
		{"a dynamic program", "-tag a.dev/x:dev -binary /bin/sh -path /x -out x.tar", "CGO_ENABLED=0"},
		{"label without value", "-label x", "want name=value"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := run(strings.Fields(c.args))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("run(%s) = %v, want an error with %q", c.args, err, c.want)
			}
		})
	}
}
