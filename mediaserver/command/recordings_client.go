package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"flashpod.dev/flashpod/api/v1alpha1/apppath"
	"flashpod.dev/flashpod/mediaserver/server"
	"flashpod.dev/flashpod/mediaserver/web"
)

// recordingsSource is what the flags say: where, of which instance, with which
// key, and how to print it.
type recordingsSource struct {
	url, data, instance, keyFile string
	output                       string // table or json
}

// open makes a client of a running server, or of a data folder.
func (s *recordingsSource) open() (*recordingsClient, func() error, error) {
	if s.data == "" {
		base, err := url.Parse(s.url)
		if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
			return nil, nil, usage(fmt.Errorf("--url %q: it is http://HOST:PORT, as flashpod serve prints it", s.url))
		}
		c := &http.Client{
			Timeout: time.Minute,
			// Nothing here redirects, and a key goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		return &recordingsClient{base, c}, func() error { return nil }, nil
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	all, done, err := server.OpenRecordings(s.data, s.instance, log)
	if err != nil {
		return nil, nil, err
	}
	h := web.RecordingsHandler(func() []web.Recordings { return all }, slog.New(slog.DiscardHandler))
	return &recordingsClient{&url.URL{Scheme: "http", Host: "localhost"}, &http.Client{Transport: inProcess{h}}}, done, nil
}

func (s *recordingsSource) key() (string, error) {
	if s.keyFile == "" {
		return strings.TrimSpace(os.Getenv(keyVariable)), nil
	}
	b, err := os.ReadFile(s.keyFile)
	if err != nil {
		return "", fmt.Errorf("--key-file: %w", err)
	}
	key := strings.TrimSpace(string(b))
	if key == "" {
		return "", fmt.Errorf("--key-file %s is empty", s.keyFile)
	}
	if strings.ContainsFunc(key, unicode.IsControl) || !utf8.ValidString(key) {
		return "", fmt.Errorf("--key-file %s: this is no key, which is one line of text", s.keyFile)
	}
	return key, nil
}

// recordingsClient speaks to web.RecordingsHandler.
type recordingsClient struct {
	base *url.URL
	http *http.Client
}

// list follows the pages to the last.
func (c *recordingsClient) list(ctx context.Context, instance string) ([]web.Recording, error) {
	query := url.Values{"limit": {"1000"}}
	if instance != "" {
		query.Set("instance", instance)
	}
	all := []web.Recording{}
	for next := "/recordings?" + query.Encode(); next != ""; {
		var page web.RecordingPage
		if err := c.call(ctx, http.MethodGet, next, "", &page); err != nil {
			return nil, fmt.Errorf("list recordings: %w", err)
		}
		all = append(all, page.Recordings...)
		next = page.Next
	}
	return all, nil
}

func (c *recordingsClient) find(ctx context.Context, instance, name string) (one web.Recording, err error) {
	path, err := recordingPath(instance, name)
	if err == nil {
		err = c.call(ctx, http.MethodGet, path, "", &one)
	}
	if err != nil {
		return one, fmt.Errorf("recording %s: %w", name, err)
	}
	return one, nil
}

func (c *recordingsClient) remove(ctx context.Context, instance, name, key string) error {
	path, err := recordingPath(instance, name)
	if err == nil {
		err = c.call(ctx, http.MethodDelete, path, key, nil)
	}
	if errors.Is(err, errUnauthorized) && key == "" {
		err = fmt.Errorf("it needs the publish key of %s: name its file with --key-file, or put the key into %s", instance, keyVariable)
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

func recordingPath(instance, name string) (string, error) {
	i, ok := apppath.Parse(instance)
	if !ok {
		return "", usage(errors.New("which instance? add --instance APPLICATION/INSTANCE"))
	}
	return "/recordings/" + url.PathEscape(i.Application) + "/" + url.PathEscape(i.Instance) + "/" + url.PathEscape(name), nil
}

// errUnauthorized is the answer to who has not shown the right key.
var errUnauthorized = errors.New("refused")

const maxAnswer = 16 << 20 // bytes; a page of 1000 takes less than one MiB

func (c *recordingsClient) call(ctx context.Context, method, path, key string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.base.String(), "/")+path, nil)
	if err != nil {
		return err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
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

// inProcess asks a handler without a network.
type inProcess struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.RemoteAddr, r.Host, r.RequestURI = "127.0.0.1:0", "localhost", r.URL.RequestURI()
	a := &answer{header: http.Header{}, status: http.StatusOK}
	p.h.ServeHTTP(a, r)
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }
