package main

import (
	"testing"
	"time"
)

// A daily schedule gives a restarted container the step that holds now, and yesterday's last step before the first.
func TestStepAt(t *testing.T) {
	steps, err := parseSteps("14:00:00=200Mi, 06:30:00=60Mi", parseClock)
	if err != nil {
		t.Fatal(err)
	}
	const mi = 1 << 20
	for _, c := range []struct {
		clock time.Duration
		bytes int64
		next  time.Duration
	}{
		{0, 200 * mi, 6*time.Hour + 30*time.Minute},
		{7 * time.Hour, 60 * mi, 14 * time.Hour},
		{14 * time.Hour, 200 * mi, 30*time.Hour + 30*time.Minute},
	} {
		if bytes, next := stepAt(steps, c.clock); bytes != c.bytes || next != c.next {
			t.Errorf("at %v: %d until %v, wanted %d until %v", c.clock, bytes, next, c.bytes, c.next)
		}
	}
}

// A size that cannot be meant is refused, never read as something else.
func TestParseBytesRefuses(t *testing.T) {
	for _, text := range []string{"", "Mi", "-1Mi", "1.5Gi", "10MB"} {
		if n, err := parseBytes(text); err == nil {
			t.Errorf("%q was read as %d", text, n)
		}
	}
}
