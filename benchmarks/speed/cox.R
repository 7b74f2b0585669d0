# Seconds of coxph on the binary columns that cox.py wrote: one fit (best of the repeats), or a loop of bootstrap fits.
# usage: Rscript cox.R FOLDER N COLUMNS REPEATS REPLICATES
suppressMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE); n <- as.integer(args[2])
column <- function(name) readBin(file.path(args[1], name), "double", n)
time <- column("time"); event <- column("event")
x <- sapply(seq_len(as.integer(args[3])) - 1, function(j) column(paste0("x", j)))
seconds <- sapply(seq_len(as.integer(args[4])), function(k)
  system.time(fit <<- coxph(Surv(time, event) ~ x))["elapsed"])
loop <- NA
if ((replicates <- as.integer(args[5])) > 0) {
  d <- data.frame(time, event, x)
  set.seed(1)
  loop <- system.time(for (k in seq_len(replicates))
    coef(coxph(Surv(time, event) ~ ., d[sample.int(n, replace = TRUE), ])))["elapsed"] / replicates
}
cat(min(seconds), loop, format(coef(fit)[1], digits = 15), R.version.string, as.character(packageVersion("survival")),
    sep = ";")
