package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/recording"
)

// OpenRecordings opens the recorded streams of a data folder from which no
// server serves, and mends what a killed server left, as serving would. Which
// instances there are, only manifests know: each folder below streams is taken
// for one, and each in it that is marked as one's, unless instance names another
// ("application/name"; "": all). The caller calls done, which frees the folder.
func OpenRecordings(data, instance string, log *slog.Logger) (all []catalogue.Shelf, done func() error, err error) {
	if _, err := os.Stat(data); err != nil {
		return nil, nil, fmt.Errorf("data folder: %w", err)
	}
	unlock, err := lockData(data)
	if err != nil {
		return nil, nil, err
	}
	var opened []catalogue.Shelf
	free := func() error {
		var errs []error
		for _, one := range opened {
			errs = append(errs, one.Store.Close(context.Background()))
		}
		return errors.Join(append(errs, unlock())...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, free())
		}
	}()
	dirs, err := instanceFolders(data, instance)
	if err != nil {
		return nil, nil, err
	}
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		rel, err := filepath.Rel(data, dir)
		if err != nil {
			return nil, nil, fmt.Errorf("data folder: %w", err)
		}
		application, name, _ := strings.Cut(filepath.ToSlash(rel), "/streams/")
		store, err := recording.Open(dir, log, recording.Options{})
		if err != nil {
			return nil, nil, fmt.Errorf("recordings of %s/%s: %w", application, name, err)
		}
		opened = append(opened, catalogue.Shelf{Application: application, Instance: name, Store: store})
	}
	if instance != "" && len(opened) == 0 {
		return nil, nil, fmt.Errorf("data folder %s has no recordings of instance %s", data, instance)
	}
	return opened, free, nil
}

// instanceFolders are the folders of an instance, or of all with "".
func instanceFolders(data, instance string) ([]string, error) {
	if instance != "" {
		path, ok := apppath.Parse(instance)
		local := filepath.Join(path.Application, "streams", filepath.FromSlash(path.Instance))
		if !ok || !filepath.IsLocal(local) {
			return nil, fmt.Errorf("instance %q: not a name of one", instance)
		}
		return []string{filepath.Join(data, local)}, nil
	}
	dirs, err := filepath.Glob(filepath.Join(data, "*", "streams", "*"))
	if err == nil {
		dirs, err = withNested(dirs)
	}
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return dirs, nil
}

// withNested adds the folders of instances that lie in those of others.
func withNested(dirs []string) (all []string, err error) {
	for _, dir := range dirs {
		all = append(all, dir)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		names, err := recording.Nested(dir)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	return all, nil
}
