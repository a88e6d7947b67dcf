package command

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/web"
)

// recordingsServer is a server that runs, by its HTTP address.
type recordingsServer struct{ *httpServer }

func openServer(address string) (library, error) {
	s, err := openHTTP(address, "name the server's HTTP address with --url or, when none runs, its data folder with --data")
	if err != nil {
		return nil, err
	}
	return &recordingsServer{s}, nil
}

func (c *recordingsServer) close() error { return nil }

// list follows the pages to the last.
func (c *recordingsServer) list(ctx context.Context, of *apppath.Path) ([]web.Recording, error) {
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if of != nil {
		query.Set("instance", of.String())
	}
	all := []web.Recording{}
	for next := "/recordings?" + query.Encode(); next != ""; {
		var page web.RecordingPage
		if err := c.call(ctx, http.MethodGet, next, "", &page); err != nil {
			return nil, err
		}
		all = append(all, page.Recordings...)
		next = page.Next
	}
	return all, nil
}

func (c *recordingsServer) find(ctx context.Context, of apppath.Path, name string) (one web.Recording, err error) {
	err = c.call(ctx, http.MethodGet, recordingPath(of, name), "", &one)
	return one, err
}

func (c *recordingsServer) remove(ctx context.Context, of apppath.Path, name, key string) error {
	return c.change(ctx, recordingPath(of, name), of, key)
}

func recordingPath(of apppath.Path, name string) string {
	return "/recordings/" + url.PathEscape(of.Application) + "/" + url.PathEscape(of.Instance) + "/" + url.PathEscape(name)
}
