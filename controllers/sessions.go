package controllers

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sessions asks a media server how many clients are connected.
func (r *Reconciler) sessions(ctx context.Context, address string) (int, error) {
	if r.Sessions != nil {
		return r.Sessions(ctx, address)
	}
	return connectedClients(ctx, address)
}

// connectedClients reads the gauge flashpod_connections of a media server.
func connectedClients(ctx context.Context, address string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+hostPort(address, httpPort, 80)+"/metrics", nil)
	if err != nil {
		return 0, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the media server at %s: %w", address, err)
	}
	defer resp.Body.Close()
	total, seen := 0.0, false
	lines := bufio.NewScanner(http.MaxBytesReader(nil, resp.Body, 4<<20))
	for lines.Scan() {
		rest, ok := strings.CutPrefix(lines.Text(), "flashpod_connections{")
		if !ok {
			continue
		}
		_, value, _ := strings.Cut(rest, "} ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metrics of the media server at %s: flashpod_connections: %w", address, err)
		}
		total, seen = total+n, true
	}
	if err := lines.Err(); err != nil {
		return 0, fmt.Errorf("metrics of the media server at %s: %w", address, err)
	}
	if !seen {
		return 0, fmt.Errorf("metrics of the media server at %s: no flashpod_connections", address)
	}
	return int(total), nil
}
