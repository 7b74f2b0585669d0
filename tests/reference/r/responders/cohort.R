# Numbers of R's survival for the generated cohort, rows built patient by patient from the scans.
# usage: Rscript cohort.R FOLDER
suppressMessages({library(survival); library(splines)})
folder <- commandArgs(trailingOnly = TRUE)[1]
people <- read.csv(file.path(folder, "cohort_patients.csv")); scans <- read.csv(file.path(folder, "cohort_scans.csv"))
people$sex <- relevel(factor(people$sex), names(sort(table(people$sex), decreasing = TRUE))[1])
rows <- list()
put <- function(id, value) rows[[length(rows) + 1]] <<- data.frame(
  id = if (length(value) > 1) paste(id, seq_along(value), sep = ".") else id,
  value = format(as.numeric(value), digits = 16, trim = TRUE))
rank <- c(CR = 1, PR = 2, SD = 3)
# the state at each scan: the best so far, progression at once, nothing after it; stable before day 42 is unknown
follow <- function(id) {
  own <- scans[scans$id == id, ]; own <- own[order(own$day), ]
  stop <- match("PD", own$code, nomatch = nrow(own)); own <- own[seq_len(min(stop, nrow(own))), ]
  best <- 9; state <- character(0)
  for (k in seq_len(nrow(own))) {
    code <- own$code[k]
    if (code == "PD") { state <- c(state, "PD"); next }
    if (code %in% names(rank) && !(code == "SD" && own$day[k] < 42)) best <- min(best, rank[[code]])
    state <- c(state, if (best == 9) "none" else names(rank)[best])
  }
  data.frame(day = own$day, state = state)
}
# (start, stop] rows of one patient for a mapping of states; a change on the last day or later changes nothing
expand <- function(late, map) do.call(rbind, lapply(people$id, function(id) {
  p <- people[people$id == id, ]; s <- follow(id); from <- if (late) p$entry else 0
  s$group <- map(s$state)
  current <- "none"; before <- s[s$day <= from, ]
  if (nrow(before)) current <- tail(before$group, 1)
  cuts <- s[s$day > from & s$day < p$time, ]
  start <- c(from, cuts$day); stop <- c(cuts$day, p$time)
  data.frame(id = id, start = start, stop = stop, event = c(rep(0, nrow(cuts)), p$event), state = c(current, cuts$group),
             age = p$age, sex = p$sex)
}))
absorbing <- function(state) { on <- cumsum(state %in% c("CR", "PR")) > 0; ifelse(on, "responder", "none") }
groups <- function(state) ifelse(state %in% c("CR", "PR"), "responder", ifelse(state == "SD", "stable", ifelse(state == "PD", "progressive", "none")))
hyper <- function(d, inside) {
  o <- 0; v <- 0
  for (at in sort(unique(d$stop[d$event == 1]))) {
    risk <- d$start < at & d$stop >= at; n <- sum(risk); n1 <- sum(risk & inside)
    m <- sum(d$stop == at & d$event == 1); m1 <- sum(d$stop == at & d$event == 1 & inside)
    o <- o + m1 - m * n1 / n; if (n > 1) v <- v + m * (n - m) / (n - 1) * n1 / n * (1 - n1 / n)
  }
  o^2 / v
}
model <- function(id, fit) { put(paste0(id, "_coef"), coef(fit)[1]); put(paste0(id, "_se"), sqrt(vcov(fit)[1, 1])) }
for (late in c(FALSE, TRUE)) {
  tag <- if (late) "late_" else ""
  d <- expand(late, absorbing); d$x <- as.numeric(d$state == "responder")
  model(paste0(tag, "responder_td"), coxph(Surv(start, stop, event) ~ x, d))
  model(paste0(tag, "responder_td_adjusted"), coxph(Surv(start, stop, event) ~ x + age + sex, d))
  f <- d[d$stop > 8 * 30.4375, ]; f$start <- pmax(f$start, 8 * 30.4375)
  model(paste0(tag, "responder_td_from_8"), coxph(Surv(start, stop, event) ~ x, f))
  put(paste0(tag, "responder_mantel_byar"), hyper(d, d$x == 1))
  g <- expand(late, groups)
  for (pair in list(c("responder", "stable"), c("progressive", "stable"))) {
    e <- g[g$state %in% pair, ]; e$x <- as.numeric(e$state == pair[1])
    model(paste0(tag, pair[1], "_stable_td"), coxph(Surv(start, stop, event) ~ x, e))
    put(paste0(tag, pair[1], "_stable_mantel_byar"), hyper(e, e$x == 1))
  }
  m <- expand(late, identity)
  for (code in c("PR", "CR", "PD")) {
    e <- m[m$state %in% c(code, "SD"), ]; e$x <- as.numeric(e$state == code)
    model(paste0(tag, code, "_SD_td"), coxph(Surv(start, stop, event) ~ x, e))
  }
}
# landmark at 8 months (243.5 days): group by the state then, time from then, those still at risk
landmark <- 8 * 30.4375
at <- sapply(people$id, function(id) { s <- follow(id); s <- s[s$day <= landmark, ]; any(s$state %in% c("CR", "PR")) })
keep <- people$time > landmark
l <- transform(people, x = as.numeric(at), left = time - landmark)
put("landmark_n", sum(keep)); model("landmark", coxph(Surv(left, event) ~ x, l[keep, ]))
model("landmark_adjusted", coxph(Surv(left, event) ~ x + age + sex, l[keep, ]))
put("landmark_logrank", survdiff(Surv(left, event) ~ x, l[keep, ])$chisq)
# weighted for reaching it: logistic model of reaching, robust variance
p <- glm(keep ~ age + sex, family = binomial(), data = people, control = list(epsilon = 1e-14, maxit = 100))
l$w <- 1 / fitted(p)
fit <- coxph(Surv(left, event) ~ x, l[keep, ], weights = w, robust = TRUE)
model("landmark_weighted", fit)
# occupation of states: response, progression, the event
course <- function(state) ifelse(state == "PD", "progressed", absorbing(state))
d <- expand(FALSE, course)
d <- do.call(rbind, lapply(split(d, d$id), function(o) {   # merge rows of one state
  first <- c(TRUE, o$state[-1] != o$state[-nrow(o)]); run <- cumsum(first)
  data.frame(id = o$id[1], start = tapply(o$start, run, min), stop = tapply(o$stop, run, max),
             state = o$state[first], event = c(rep(0, max(run) - 1), tail(o$event, 1)))
}))
after <- c(d$id[-1] == d$id[-nrow(d)], FALSE)
d$to <- factor(ifelse(after, c(d$state[-1], ""), ifelse(d$event == 1, "gone", "censor")),
               c("censor", "responder", "progressed", "gone"))
multi <- survfit(Surv(start, stop, to) ~ 1, d, id = id)
s <- summary(multi, times = c(6, 12, 24, 36) * 30.4375)
put("occupied_response", s$pstate[, match("responder", multi$states)])
put("occupied_progressed", s$pstate[, match("progressed", multi$states)])
put("occupied_gone", s$pstate[, match("gone", multi$states)])
# depth: the smallest change so far, restricted cubic spline (Harrell's basis), knots and grid of scans without progression
depth <- do.call(rbind, lapply(people$id, function(id) {
  p <- people[people$id == id, ]; s <- scans[scans$id == id, ]; s <- s[order(s$day), ]
  s <- s[seq_len(min(match("PD", s$code, nomatch = nrow(s)), nrow(s))), ]
  s$small <- cummin(s$change); s <- s[c(TRUE, diff(s$small) < 0)[seq_len(nrow(s))], ]
  cuts <- s[s$day < p$time, ]
  data.frame(id = id, start = c(0, cuts$day), stop = c(cuts$day, p$time), event = c(rep(0, nrow(cuts)), p$event), z = c(0, cuts$small))
}))
seen <- do.call(rbind, lapply(people$id, function(id) {
  s <- scans[scans$id == id, ]; s <- s[order(s$day), ]; s <- s[seq_len(min(match("PD", s$code, nomatch = nrow(s)), nrow(s))), ]
  s$small <- cummin(s$change); s <- s[c(TRUE, diff(s$small) < 0)[seq_len(nrow(s))], ]; s[s$code != "PD", ]
}))
k <- quantile(seen$small, c(.05, .35, .65, .95))
cube <- function(x) pmax(x, 0)^3
harrell <- function(x) sapply(1:2, function(j)
  (cube(x - k[j]) - cube(x - k[3]) * (k[4] - k[j]) / (k[4] - k[3]) + cube(x - k[4]) * (k[3] - k[j]) / (k[4] - k[3])) / (k[4] - k[1])^2)
b <- cbind(depth$z, harrell(depth$z)); fit <- coxph(Surv(start, stop, event) ~ b, depth)
grid <- seq(quantile(seen$small, .02), quantile(seen$small, .98), length.out = 41)
contrast <- sweep(cbind(grid, harrell(grid)), 2, c(0, harrell(c(0, 0))[1, ]))
put("depth_log_ratio", (contrast %*% coef(fit))[c(1, 11, 21, 31, 41)])
put("depth_se", sqrt(rowSums((contrast %*% vcov(fit)) * contrast))[c(1, 11, 21, 31, 41)])
put("depth_p", pchisq(sum(coef(fit) * solve(vcov(fit), coef(fit))), 3, lower.tail = FALSE))

out <- file.path(folder, "cohort_expected.csv")
writeLines(paste0("# ", R.version.string, "; survival ", packageVersion("survival")), out)
suppressWarnings(write.table(do.call(rbind, rows), out, sep = ",", append = TRUE, row.names = FALSE, quote = FALSE))
