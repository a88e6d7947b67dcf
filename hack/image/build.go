package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user is the one of the program in the image: nonroot by convention. Kubernetes can check runAsNonRoot only where it is a number.
const user = "65532:65532"

type options struct {
	Binary string // file of this machine
	Path   string // absolute path in the image, the entry point
	Arch   string // GOARCH
	Labels map[string]string
}

// build puts one static binary on an empty base.
func build(o options) (v1.Image, error) {
	if !path.IsAbs(o.Path) || path.Clean(o.Path) != o.Path || o.Path == "/" {
		return nil, fmt.Errorf("path %q: must be absolute and clean, for example /flashpod", o.Path)
	}
	content, err := os.ReadFile(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("read the binary: %w", err)
	}
	if err := checkStatic(content); err != nil {
		return nil, fmt.Errorf("binary %s: %w", o.Binary, err)
	}
	archive, err := archive(o.Path, content)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive)), nil },
		tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("make the layer: %w", err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "COPY " + o.Path}})
	if err != nil {
		return nil, fmt.Errorf("add the layer: %w", err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", o.Arch
	file.Config = v1.Config{User: user, Entrypoint: []string{o.Path}, WorkingDir: "/", Labels: o.Labels}
	return mutate.ConfigFile(img, file)
}

// checkStatic refuses what could not start on an empty base: a program that asks for a dynamic loader.
func checkStatic(content []byte) error {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("not a Linux program: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("is linked dynamically and the image has no loader; build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// archive is a tar of the folders that lead to file and of file itself, owned by root, so that the program cannot change itself.
func archive(file string, content []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	parts := strings.Split(strings.TrimPrefix(file, "/"), "/")
	for i := range parts[:len(parts)-1] {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.Join(parts[:i+1], "/") + "/", Mode: 0o755, ModTime: time.Unix(0, 0)}); err != nil {
			return nil, err
		}
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: strings.Join(parts, "/"), Mode: 0o555, Size: int64(len(content)), ModTime: time.Unix(0, 0)}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
