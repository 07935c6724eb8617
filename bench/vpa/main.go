// Command vpa plays memory traces through the Vertical Pod Autoscaler's own packages: its recommender's model and
// logic, and its updater's rules. It judges the port in forecaster/foresize_forecast/replay/peers, and stands in for it
// where Go is at hand.
//
// Standard input is a line of JSON (see header), then for each series little-endian float64: the first request, and the
// usage of every column in bytes, NaN in gaps. Standard output is, for each series, little-endian float64: for every
// column the request and the limit in force, and the recommendation that they were decided by (lower bound, target,
// upper bound; NaN where there was none).
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
)

// header says what follows it.
type header struct {
	Series  int `json:"series"`
	Columns int `json:"columns"`
	// StartS is when the first interval begins, in Unix seconds.
	StartS int64 `json:"start_s"`
	StepS  int64 `json:"step_s"`
	// FloorMiB is --pod-recommendation-min-memory-mb.
	FloorMiB float64 `json:"floor_mib"`
	// LimitRatio is the owner's limit over the owner's request.
	LimitRatio float64 `json:"limit_ratio"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "vpa:", err)
		os.Exit(1)
	}
}

func run(from io.Reader, to io.Writer) error {
	in := bufio.NewReaderSize(from, 1<<20)
	line, err := in.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	var head header
	if err := json.Unmarshal(line, &head); err != nil {
		return fmt.Errorf("the header: %w", err)
	}
	if head.Series < 0 || head.Columns < 0 || head.StepS <= 0 {
		return fmt.Errorf("the header asks for %d series of %d columns of %d s", head.Series, head.Columns, head.StepS)
	}
	out := bufio.NewWriterSize(to, 1<<20)
	for done := 0; done < head.Series; {
		batch, err := readBatch(in, head, min(head.Series-done, runtime.GOMAXPROCS(0)))
		if err != nil {
			return fmt.Errorf("series %d: %w", done, err)
		}
		for _, rows := range playAll(head, batch) {
			if err := binary.Write(out, binary.LittleEndian, rows); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
		}
		done += len(batch)
	}
	return out.Flush()
}

// trace is a series as it is read: the first request, then the usage.
type trace []float64

func readBatch(in io.Reader, head header, count int) ([]trace, error) {
	batch := make([]trace, count)
	for i := range batch {
		batch[i] = make(trace, 1+head.Columns)
		if err := binary.Read(in, binary.LittleEndian, batch[i]); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

func playAll(head header, batch []trace) [][]float64 {
	played := make([][]float64, len(batch))
	var all sync.WaitGroup
	for i, series := range batch {
		all.Go(func() { played[i] = play(head, series[0], series[1:]) })
	}
	all.Wait()
	return played
}
