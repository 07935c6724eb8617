package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// step says what is held from a time on: a time since the start, or since midnight UTC.
type step struct {
	at    time.Duration
	bytes int64
}

// follow starts what the environment asks for. Mistakes are returned before anything is held.
func follow(held *memory, env func(string) string) error {
	if size := env("CACHE"); size != "" {
		bytes, err := parseBytes(size)
		if err == nil {
			err = fillCache(bytes)
		}
		if err != nil {
			return err
		}
	}
	base, err := parseBytes(orZero(env("HOLD")))
	if err != nil {
		return err
	}
	if err := held.schedule(base); err != nil {
		return err
	}
	switch {
	case env("LEAK") != "":
		return startLeak(held, base, env("LEAK"))
	case env("DAILY") != "":
		return startDaily(held, env("DAILY"))
	case env("SCHEDULE") != "":
		return startSchedule(held, env("SCHEDULE"), env("LOOP") == "1")
	}
	return nil
}

func startLeak(held *memory, base int64, rate string) error {
	size, every, _ := strings.Cut(rate, "/")
	bytes, err := parseBytes(size)
	if err != nil {
		return err
	}
	period, err := time.ParseDuration(every)
	if err != nil || period <= 0 {
		return fmt.Errorf("LEAK %q: wanted like 1Mi/10s", rate)
	}
	go func() {
		for range time.Tick(period) {
			base += bytes
			report(held.schedule(base))
		}
	}()
	return nil
}

func startDaily(held *memory, text string) error {
	steps, err := parseSteps(text, parseClock)
	if err != nil {
		return err
	}
	go func() {
		for {
			now := time.Now().UTC()
			midnight := now.Truncate(day) // Go's zero time is a midnight in UTC
			current, next := stepAt(steps, now.Sub(midnight))
			report(held.schedule(current))
			time.Sleep(time.Until(midnight.Add(next)))
		}
	}()
	return nil
}

// stepAt is what holds at a time of the day, and when the next step comes (tomorrow's are past 24 h).
func stepAt(steps []step, clock time.Duration) (bytes int64, next time.Duration) {
	bytes = steps[len(steps)-1].bytes // before the first step yesterday's last one holds
	for _, s := range steps {
		if s.at > clock {
			return bytes, s.at
		}
		bytes = s.bytes
	}
	return bytes, steps[0].at + day
}

func startSchedule(held *memory, text string, loop bool) error {
	steps, err := parseSteps(text, time.ParseDuration)
	if err != nil {
		return err
	}
	go func() {
		for again := true; again; again = loop {
			start := time.Now()
			for _, s := range steps {
				time.Sleep(time.Until(start.Add(s.at)))
				report(held.schedule(s.bytes))
			}
		}
	}()
	return nil
}

func parseSteps(text string, parseTime func(string) (time.Duration, error)) ([]step, error) {
	var steps []step
	for _, part := range strings.Split(text, ",") {
		at, size, _ := strings.Cut(strings.TrimSpace(part), "=")
		when, errTime := parseTime(at)
		bytes, errSize := parseBytes(size)
		if err := errors.Join(errTime, errSize); err != nil {
			return nil, fmt.Errorf("step %q: %w", part, err)
		}
		steps = append(steps, step{when, bytes})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	return steps, nil
}

func parseClock(text string) (time.Duration, error) {
	clock, err := time.Parse(time.TimeOnly, text)
	if err != nil {
		return 0, err
	}
	return clock.Sub(clock.Truncate(day)), nil
}

func parseBytes(text string) (int64, error) {
	number, unit := text, int64(1)
	for i, suffix := range []string{"Ki", "Mi", "Gi"} {
		if rest, found := strings.CutSuffix(text, suffix); found {
			number, unit = rest, int64(1)<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("size %q: wanted a whole number with Ki, Mi, Gi or nothing", text)
	}
	return n * unit, nil
}

func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

// report tells of an error and lives on: a workload that cannot take memory is something a test may want to see.
func report(err error) {
	if err != nil {
		fmt.Println("memhog:", err)
	}
}
