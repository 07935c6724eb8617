package main

import (
	"math"
	"time"
)

// columnWidth is how many numbers are written for a column: request, limit, lower bound, target, upper bound.
const columnWidth = 5

// play runs one container through time. What is in force in a column was decided at its start, with the sample of the
// column before; a kill there is told after it, as the recommender's loop does. Memory never reads above the limit.
func play(head header, first float64, usage []float64) []float64 {
	rows := make([]float64, 0, columnWidth*len(usage))
	if math.IsNaN(first) {
		for range columnWidth * len(usage) {
			rows = append(rows, math.NaN())
		}
		return rows
	}
	step := time.Duration(head.StepS) * time.Second
	now := time.Unix(head.StartS, 0).UTC()
	pod := newPod(int64(first), head)
	rows = append(rows, float64(pod.request()), float64(pod.limit()), math.NaN(), math.NaN(), math.NaN())
	for column := 1; column < len(usage); column++ {
		now = now.Add(step)
		if used := usage[column-1]; !math.IsNaN(used) {
			pod.sample(now, step, used)
			if used > float64(pod.limit()) {
				pod.kill(now)
			}
		}
		found := pod.recommend()
		pod.update(now)
		rows = append(rows, float64(pod.request()), float64(pod.limit()), found.lower, found.target, found.upper)
		pod.collectGarbage(now)
	}
	return rows
}
