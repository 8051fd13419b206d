// The vendor's Go client on the lines of a file: the counterpart of `inlong/ours.rs`, with the same arguments and figures.
//
//	MANAGER FILE MESSAGES RATE PACK_BYTES PACK_MS WORKERS
//
// Each line is a message, and they come in turn. RATE is messages a second, 0 as fast as they are taken.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/apache/inlong/inlong-sdk/dataproxy-sdk-twins/dataproxy-sdk-golang/dataproxy"
)

// Messages that may wait for their answer at a time.
const window = 20000

// The group and the stream that everything goes to.
const (
	group  = "bench_group"
	stream = "bench_stream"
)

type figures struct {
	// Seconds from the first message to the last answer, by the clock and of this process's CPU time.
	Wall float64 `json:"wall"`
	CPU  float64 `json:"cpu"`
	// The most memory this process ever held, bytes.
	Peak int64 `json:"peak"`
	// From a message's call to its answer, ms; measured at a fixed rate only.
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
}

func main() {
	out := os.Stdout
	// The client logs to the standard output.
	os.Stdout = os.Stderr
	figures, err := measure(os.Args[1:])
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(out).Encode(figures); err != nil {
		log.Fatal(err)
	}
}

func measure(arguments []string) (figures, error) {
	text, err := os.ReadFile(arguments[1])
	if err != nil {
		return figures{}, err
	}
	var payloads [][]byte
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		payloads = append(payloads, []byte(line))
	}
	var numbers [5]int
	for at := range numbers {
		if numbers[at], err = strconv.Atoi(arguments[2+at]); err != nil {
			return figures{}, err
		}
	}
	messages, rate, packBytes, packMs, workers := numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
	client, err := dataproxy.NewClient(
		dataproxy.WithURL(arguments[0]),
		dataproxy.WithGroupID(group),
		dataproxy.WithWorkerNum(workers),
		dataproxy.WithBatchingMaxSize(packBytes),
		// By size and time alone.
		dataproxy.WithBatchingMaxMessages(1<<20),
		dataproxy.WithBatchingMaxPublishDelay(time.Duration(packMs)*time.Millisecond),
	)
	if err != nil {
		return figures{}, err
	}
	took := make([]float64, messages)
	var failed atomic.Value
	// The client's own bound would refuse messages, also where it is told to block.
	var pending atomic.Int64
	var waiting sync.WaitGroup
	waiting.Add(messages)
	start, cpu := time.Now(), cpuTime()
	for at := 0; at < messages; at++ {
		if rate > 0 {
			// A thousandth of a second's messages at a time.
			due := start.Add(time.Duration(at*1000/rate) * time.Millisecond)
			if ahead := time.Until(due); ahead > 0 {
				time.Sleep(ahead)
			}
		}
		var called time.Time
		if rate > 0 {
			called = time.Now()
		}
		for pending.Add(1) > window {
			pending.Add(-1)
			time.Sleep(100 * time.Microsecond)
		}
		client.SendAsync(context.Background(), dataproxy.Message{
			GroupID:  group,
			StreamID: stream,
			Payload:  payloads[at%len(payloads)],
		}, func(_ dataproxy.Message, err error) {
			pending.Add(-1)
			if rate > 0 {
				took[at] = time.Since(called).Seconds() * 1000
			}
			if err != nil {
				failed.Store(err)
			}
			waiting.Done()
		})
	}
	waiting.Wait()
	result := figures{Wall: time.Since(start).Seconds(), CPU: cpuTime() - cpu}
	if err, is := failed.Load().(error); is {
		return figures{}, err
	}
	client.Close()
	sort.Float64s(took)
	result.Median, result.P99 = took[messages/2], took[messages*99/100]
	result.Peak, err = peak()
	return result, err
}

// User and system time of this process, seconds.
func cpuTime() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	seconds := func(time syscall.Timeval) float64 { return float64(time.Sec) + float64(time.Usec)/1e6 }
	return seconds(usage.Utime) + seconds(usage.Stime)
}

// The high-water mark of resident memory, bytes.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kilobytes << 10, err
}
