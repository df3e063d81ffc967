import type { TableRows } from './fill-school.ts';
import type { Random } from './random.ts';
import { personName } from './school-people.ts';
import {
  classCount,
  courseOfClass,
  firstTeacherOf,
  lessonIdOf,
  priceOf,
  renderDate,
  renderDatetime,
  schoolPlan,
  termOfClass,
  termStartMs,
} from './school-plan.ts';

const dayMs = 24 * 3600 * 1000;
const subjects = ['math', 'english', 'physics', 'coding'] as const;
const channels = [
  ['Word of mouth', 'organic', 0],
  ['Search', 'ads', 52_000.5],
  ['Short video', 'ads', 88_000],
  ['Feed ads', 'ads', 61_500.25],
  ['Friends invite friends', 'referral', 9_000],
  ['Old students', 'referral', 4_200],
  ['Bookshops', 'partner', 12_000],
  ['Schools', 'partner', 15_750.75],
] as const;

/** What the school is made of, apart from its students: the dimensions. */
export function staticRows(random: Random, today: Date): TableRows[] {
  return [...offerRows(today), ...teachingRows(random, today)];
}

function offerRows(today: Date): TableRows[] {
  return [
    {
      table: 'school_main.channels',
      columns: ['id', 'name', 'kind', 'monthly_cost'],
      rows: channels.map((channel, index) => [index + 1, ...channel]),
    },
    {
      table: 'school_main.courses',
      columns: ['id', 'name', 'subject', 'grade', 'list_price', 'description'],
      rows: count(schoolPlan.courses, (id) => {
        const subject = subjects[id % subjects.length];
        const grade = 1 + (id % 12);
        const text = id % 3 === 0 ? null : `Two lessons a week.\nFor grade ${grade}.`;
        return [id, `${subject} ${grade}`, subject, grade, priceOf(id), text];
      }),
    },
    {
      table: 'school_main.terms',
      columns: ['id', 'name', 'starts_on', 'ends_on', 'next_term_id'],
      rows: count(schoolPlan.terms, (id) => {
        const startMs = termStartMs(id, today);
        const endMs = termStartMs(id + 1, today) - dayMs;
        const next = id === schoolPlan.terms ? null : id + 1;
        return [id, `Term ${id}`, renderDate(startMs), renderDate(endMs), next];
      }),
    },
    {
      table: 'school_main.classes',
      columns: ['id', 'course_id', 'term_id', 'name', 'capacity', 'lesson_time', 'room'],
      rows: count(classCount, (id) => {
        const parallel = String.fromCharCode(65 + ((id - 1) % schoolPlan.classesPerCourse));
        const name = `Course ${courseOfClass(id)}, class ${parallel}`;
        const room = id % 5 === 0 ? null : `room-${id % 40}`;
        return [id, courseOfClass(id), termOfClass(id), name, 200, `${8 + (id % 12)}:30:00`, room];
      }),
    },
  ];
}

function teachingRows(random: Random, today: Date): TableRows[] {
  return [
    {
      table: 'school_ops.teacher_groups',
      columns: ['id', 'name', 'leader'],
      rows: count(schoolPlan.teacherGroups, (id) => [id, `Group ${id}`, personName(random)]),
    },
    {
      table: 'school_ops.teachers',
      columns: ['id', 'name', 'group_id', 'title', 'hourly_rate', 'hired_on'],
      rows: count(schoolPlan.teachers, (id) => {
        const title = random.pick(['teacher', 'senior', 'master']);
        const hiredOn = renderDate(today.getTime() - random.between(100, 3000) * dayMs);
        const groupId = 1 + (id % schoolPlan.teacherGroups);
        return [id, personName(random), groupId, title, random.between(80, 300), hiredOn];
      }),
    },
    {
      table: 'school_ops.class_teachers',
      columns: ['class_id', 'teacher_id', 'assigned_at'],
      rows: count(classCount, (id) => {
        const assignedMs = termStartMs(termOfClass(id), today) - 40 * dayMs;
        return [id, firstTeacherOf(id), renderDatetime(assignedMs)];
      }),
    },
    {
      table: 'school_ops.lessons',
      columns: ['id', 'class_id', 'number', 'starts_at'],
      rows: count(classCount, (id) => id).flatMap((classId) =>
        count(schoolPlan.lessonsPerClass, (number) => {
          const gapDays = Math.floor(schoolPlan.termDays / schoolPlan.lessonsPerClass);
          const startMs = termStartMs(termOfClass(classId), today) + (number - 1) * gapDays * dayMs;
          const startsAt = renderDatetime(startMs + (8 + (classId % 12)) * 3_600_000);
          return [lessonIdOf(classId, number), classId, number, startsAt];
        }),
      ),
    },
  ];
}

function count<T>(total: number, row: (id: number) => T): T[] {
  return Array.from({ length: total }, (_, index) => row(index + 1));
}
