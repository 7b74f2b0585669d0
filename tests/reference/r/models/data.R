# Two made-up data sets with what breaks estimators: ties by month, late entry, unequal weights, clusters, strata,
# competing events, several rows a patient. Run from this folder: Rscript data.R
set.seed(20260417)
n <- 180
age <- round(rnorm(n, 61, 10))
grade <- sample(c("G1", "G2", "G3"), n, TRUE, c(.4, .45, .15))
centre <- sample(c("A", "B", "C"), n, TRUE, c(.5, .3, .2))
treated <- rbinom(n, 1, plogis(-3 + .05 * age))
rate <- .03 * exp(.02 * (age - 61) + .4 * (grade == "G2") + 1.1 * (grade == "G3") - .5 * treated)
event_time <- rexp(n, rate)
other_time <- rexp(n, .01 * exp(.03 * (age - 61)))
censor_time <- runif(n, 6, 90)
time <- pmax(1, ceiling(pmin(event_time, other_time, censor_time)))
cause <- ifelse(censor_time <= pmin(event_time, other_time), 0, ifelse(event_time <= other_time, 1, 2))
entry <- pmin(floor(rexp(n, 1 / 3)), time - 1)
weight <- round(runif(n, .3, 3), 3)
registry <- data.frame(patient = 1:n, time, cause, event = as.integer(cause == 1), entry, weight,
                       cluster = sample(1:40, n, TRUE), centre, age, grade, treated,
                       uptake = round(rlnorm(n, 2, .5), 2))
write.csv(registry, "registry.csv", row.names = FALSE)

m <- 90
rows <- lapply(1:m, function(i) {
  end <- max(2, ceiling(rexp(1, 1 / 30)))
  cuts <- sort(unique(c(0, pmin(end, cumsum(1 + rpois(3, 8))), end)))
  k <- length(cuts) - 1
  responding <- cummax(rbinom(k, 1, .3))
  event <- rep(0L, k)
  if (runif(1) < .7) event[k] <- 1L
  if (k > 1 && runif(1) < .2) event[1] <- 1L
  data.frame(patient = i, start = cuts[-(k + 1)], stop = cuts[-1], event = event, responding = responding,
             size = round(rnorm(1, 30, 9) + 2 * (1:k)), sex = sample(c("f", "m"), 1))
})
write.csv(do.call(rbind, rows), "counting.csv", row.names = FALSE)
