package controllers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	askingTime  = 3 * time.Second // that a server may take to answer
	pathMetrics = "/metrics"      // in the text format of Prometheus
	metricsSize = 4 << 20         // bytes of them that are read
)

// askServer has read take what the server of a pod says at a path of its control port, up
// to so many bytes of it.
func askServer(ctx context.Context, address, path string, size int64, read func(said io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(address, httpPort, 80)+path, nil)
	if err != nil {
		return fmt.Errorf("ask the server at %s: %w", address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server at %s: %w", address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the server at %s for %s: it answers %s", address, path, resp.Status)
	}
	if err := read(http.MaxBytesReader(nil, resp.Body, size)); err != nil {
		return fmt.Errorf("%s of the server at %s: %w", path, address, err)
	}
	return nil
}

// figureOf reads the value of a metric that counts or measures something.
func figureOf(name, value string) (float64, error) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0 && n <= 1e18) { // NaN is neither
		return 0, fmt.Errorf("%s is %.40q", name, value)
	}
	return n, nil
}
