# Seconds of survfit and survdiff on the binary columns that curves_and_tests.py wrote (best of the repeats).
# usage: Rscript curves_and_tests.R FOLDER N REPEATS
suppressMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE); n <- as.integer(args[2])
column <- function(name) readBin(file.path(args[1], name), "double", n)
time <- column("time"); event <- column("event"); group <- column("group")
seconds <- sapply(seq_len(as.integer(args[3])), function(k) {
  fit <- system.time(curve <- survfit(Surv(time, event) ~ group))["elapsed"]
  test <- system.time(difference <- survdiff(Surv(time, event) ~ group))["elapsed"]
  c(fit, test, difference$chisq)
})
cat(min(seconds[1, ]), min(seconds[2, ]), format(seconds[3, 1], digits = 15), R.version.string, as.character(packageVersion("survival")), sep = ";")
