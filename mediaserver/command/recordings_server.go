package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/web"
)

// recordingsServer is a server that runs, by its HTTP address.
type recordingsServer struct {
	base *url.URL
	http *http.Client
}

func openServer(address string) (library, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, usage(fmt.Errorf("--url %q: it is http://HOST:PORT, as flashpod serve prints it", address))
	}
	return &recordingsServer{base, &http.Client{
		Timeout: time.Minute,
		// Nothing here redirects, and a key goes nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
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
	err := c.call(ctx, http.MethodDelete, recordingPath(of, name), key, nil)
	if errors.Is(err, errUnauthorized) && key == "" {
		return fmt.Errorf("it needs the publish key of %s: name its file with --key-file, or put the key into %s", of.InURL(), keyVariable)
	}
	return err
}

func recordingPath(of apppath.Path, name string) string {
	return "/recordings/" + url.PathEscape(of.Application) + "/" + url.PathEscape(of.Instance) + "/" + url.PathEscape(name)
}

// errUnauthorized is the answer to a client that has not shown the right key.
var errUnauthorized = errors.New("refused")

const maxAnswer = 16 << 20 // bytes; a page of 1000 takes less than one MiB

func (c *recordingsServer) call(ctx context.Context, method, path, key string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, nil)
	if err != nil {
		return err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if method == http.MethodDelete {
		r.Header.Set("Connection", web.LocalToken) // which counts where there is no key
	}
	resp, err := c.http.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is long, and says nothing more
		}
		return fmt.Errorf("no answer from %s: %w (name the server's HTTP address with --url or, when none runs, its data folder with --data)", c.base.Redacted(), err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("answer of %s: %w", c.base.Redacted(), err)
	}
	if resp.StatusCode >= 300 {
		var said struct{ Error string }
		if json.Unmarshal(body, &said) != nil || said.Error == "" {
			return fmt.Errorf("%s answers %s: is it a Flashpod server's HTTP address?", c.base.Redacted(), resp.Status)
		}
		if resp.StatusCode == http.StatusUnauthorized {
			return fmt.Errorf("%w: %s", errUnauthorized, said.Error)
		}
		return errors.New(said.Error)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("answer of %s: %w (is it a Flashpod server's HTTP address?)", c.base.Redacted(), err)
	}
	return nil
}
