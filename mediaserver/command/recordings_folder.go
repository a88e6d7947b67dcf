package command

import (
	"context"
	"log/slog"
	"os"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/logs"
	"flashpod.dev/flashpod/mediaserver/server"
	"flashpod.dev/flashpod/mediaserver/web"
)

const pageSize = 1000 // recordings that are asked for at once

// recordingsFolder is a data folder from which no server serves.
type recordingsFolder struct {
	catalogue *catalogue.Catalogue
	log       *logs.Log
	done      func() error
}

func openFolder(data, instance string) (library, error) {
	log := logs.New(os.Stderr, logs.Options{})
	shelves, done, err := server.OpenRecordings(data, instance, slog.New(log.Handler()))
	if err != nil {
		log.Close(lastLines)
		return nil, err
	}
	return &recordingsFolder{catalogue.New(func() []catalogue.Shelf { return shelves }), log, done}, nil
}

func (f *recordingsFolder) close() error {
	defer f.log.Close(lastLines)
	return f.done()
}

func (f *recordingsFolder) list(ctx context.Context, of *apppath.Path) ([]web.Recording, error) {
	all := []web.Recording{}
	for q := (catalogue.Query{Of: of, Limit: pageSize}); ; {
		page, next, err := f.catalogue.List(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			all = append(all, web.Describe(one))
		}
		if q.After = next; next == (catalogue.Place{}) {
			return all, nil
		}
	}
}

func (f *recordingsFolder) find(ctx context.Context, of apppath.Path, name string) (web.Recording, error) {
	one, err := f.catalogue.Find(ctx, of, name)
	if err != nil {
		return web.Recording{}, err
	}
	return web.Describe(one), nil
}

// remove needs no key: whoever may write to the folder could delete the file.
func (f *recordingsFolder) remove(ctx context.Context, of apppath.Path, name, _ string) error {
	return f.catalogue.Delete(ctx, catalogue.Caller{Local: true}, of, name)
}
