package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// labels collects repeated -label name=value flags.
type labels map[string]string

// String implements flag.Value.
func (l labels) String() string { return fmt.Sprint(map[string]string(l)) }

// Set implements flag.Value.
func (l labels) Set(s string) error {
	k, v, ok := strings.Cut(s, "=")
	if !ok || k == "" {
		return fmt.Errorf("label %q: want name=value", s)
	}
	l[k] = v
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o := options{Labels: labels{}}
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	tag := flags.String("tag", "", "the image's `name`, for example flashpod.dev/media:dev")
	out := flags.String("out", "", "the tar `file` to write")
	flags.StringVar(&o.Binary, "binary", "", "the static binary to put in, a `file` of this machine")
	flags.StringVar(&o.Path, "path", "", "where the binary is in the image, an absolute `path`; it is the entry point")
	flags.StringVar(&o.Arch, "arch", "amd64", "the binary's architecture, in Go's words")
	flags.Var(labels(o.Labels), "label", "a label of the image, `name=value`; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for option, value := range map[string]string{"-tag": *tag, "-out": *out, "-binary": o.Binary, "-path": o.Path} {
		if value == "" {
			return fmt.Errorf("option %s: must be given", option)
		}
	}
	ref, err := name.NewTag(*tag, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("option -tag: %w", err)
	}
	img, err := build(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(*out), 0o755); err != nil {
		return err
	}
	// A reader never sees half an image.
	if err := tarball.WriteToFile(*out+".tmp", ref, img); err != nil {
		return fmt.Errorf("write %s: %w", *out, err)
	}
	return os.Rename(*out+".tmp", *out)
}
