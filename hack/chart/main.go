package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	root := flag.String("root", "../..", "the checkout")
	check := flag.Bool("check", false, "write nothing; a difference is an error")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	files, err := generate(root)
	if err != nil {
		return err
	}
	if check {
		return compare(root, files)
	}
	return write(root, files)
}

// generate makes every generated file: its path in the checkout, and what is in it.
func generate(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, make := range []func(string, map[string][]byte) error{objects, schemas, readmes} {
		if err := make(root, files); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// generated are the folders of which every file is generated.
var generated = []string{folder}

func compare(root string, files map[string][]byte) error {
	var errs []error
	for _, path := range sorted(files) {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if !bytes.Equal(got, files[path]) {
			errs = append(errs, fmt.Errorf("%s is out of date: run \"make generate\" and commit", path))
		}
	}
	old, err := leftovers(root, files)
	for _, path := range old {
		errs = append(errs, fmt.Errorf("%s has nothing that it is made from any more: run \"make generate\" and commit", path))
	}
	return errors.Join(append(errs, err)...)
}

func write(root string, files map[string][]byte) error {
	old, err := leftovers(root, files)
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	for _, path := range sorted(files) {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, files[path], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// leftovers are the files in generated folders that were made from something which is gone.
func leftovers(root string, files map[string][]byte) ([]string, error) {
	var old []string
	for _, dir := range generated {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				return err
			}
			path, err = filepath.Rel(root, path)
			if _, wanted := files[path]; !wanted {
				old = append(old, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return old, nil
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
