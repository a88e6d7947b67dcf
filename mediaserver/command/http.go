package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/web"
)

// httpServer is a server that runs, by its HTTP address.
type httpServer struct {
	base   *url.URL
	http   *http.Client
	wayOut string // what a user can do when there is no answer
}

func openHTTP(address, wayOut string) (*httpServer, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, usage(fmt.Errorf("--url %q: it is http://HOST:PORT, as flashpod serve prints it", address))
	}
	return &httpServer{base, &http.Client{
		Timeout: time.Minute,
		// Nothing here redirects, and a key goes nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, wayOut}, nil
}

// change has something deleted that needs the publish key of an instance.
func (c *httpServer) change(ctx context.Context, path string, of apppath.Path, key string) error {
	err := c.call(ctx, http.MethodDelete, path, key, nil)
	if errors.Is(err, errUnauthorized) && key == "" {
		return fmt.Errorf("it needs the publish key of %s: name its file with --key-file, or put the key into %s", of.InURL(), keyVariable)
	}
	return err
}

// errUnauthorized is the answer to a client that has not shown the right key.
var errUnauthorized = errors.New("refused")

const maxAnswer = 16 << 20 // bytes; a page of 1000 takes less than one MiB

func (c *httpServer) call(ctx context.Context, method, path, key string, answer any) error {
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
		return fmt.Errorf("no answer from %s: %w (%s)", c.base.Redacted(), err, c.wayOut)
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
