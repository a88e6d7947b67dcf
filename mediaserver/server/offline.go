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
// for one, unless instance names another ("application/name"; "": all). The
// caller calls done, which frees the folder.
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
	pattern := filepath.Join(data, "*", "streams", "*")
	if instance != "" {
		path, ok := apppath.Parse(instance)
		if local := filepath.Join(path.Application, "streams", filepath.FromSlash(path.Instance)); !ok || !filepath.IsLocal(local) || strings.ContainsAny(local, `*?[\`) {
			return nil, nil, fmt.Errorf("instance %q: not a name of one", instance)
		}
		pattern = filepath.Join(data, path.Application, "streams", filepath.FromSlash(path.Instance))
	}
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil, nil, fmt.Errorf("data folder: %w", err)
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
