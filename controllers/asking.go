package controllers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
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

// askMetrics has read make something of the metrics of a pod's server.
func askMetrics[T any](ctx context.Context, address string, read func(metrics io.Reader) (T, error)) (said T, err error) {
	err = askServer(ctx, address, pathMetrics, metricsSize, func(metrics io.Reader) error { said, err = read(metrics); return err })
	return said, err
}

// askPods asks the servers of pods, several at once. Those that do not answer are left out.
func askPods[T any](ctx context.Context, pods []corev1.Pod, ask func(ctx context.Context, address string) (T, error)) map[string]T {
	ctx, cancel := context.WithTimeout(ctx, askAllTime)
	defer cancel()
	var mu sync.Mutex // nothing else is taken, and nobody called, while it is held
	all := map[string]T{}
	var asking sync.WaitGroup
	places := make(chan struct{}, askAtOnce)
	for i := range pods {
		pod := &pods[i]
		if pod.Status.PodIP == "" {
			continue
		}
		places <- struct{}{}
		asking.Go(func() {
			defer func() { <-places }()
			said, err := ask(ctx, pod.Status.PodIP)
			if err != nil {
				log.FromContext(ctx).V(1).Info("a pod does not say what it was asked", "pod", pod.Name, "err", err.Error())
				return
			}
			mu.Lock()
			all[pod.Name] = said
			mu.Unlock()
		})
	}
	asking.Wait()
	return all
}

// figuresOf reads metrics of a server, in the text format of Prometheus: of each that is
// called so, the sum over its labels. The first of them has to be there.
func figuresOf(metrics io.Reader, names ...string) (map[string]float64, error) {
	all := map[string]float64{}
	lines := bufio.NewScanner(metrics)
	for lines.Scan() {
		line := lines.Text()
		name := line[:max(0, strings.IndexAny(line, "{ "))]
		if !slices.Contains(names, name) {
			continue
		}
		n, err := figureOf(name, line[strings.LastIndexByte(line, ' ')+1:])
		if err != nil {
			return nil, err
		}
		all[name] += n
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if _, ok := all[names[0]]; !ok {
		return nil, fmt.Errorf("no %s", names[0])
	}
	return all, nil
}

// figureOf reads the value of a metric that counts or measures something.
func figureOf(name, value string) (float64, error) {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil || !(n >= 0 && n <= 1e18) { // NaN is neither
		return 0, fmt.Errorf("%s is %.40q", name, value)
	}
	return n, nil
}
